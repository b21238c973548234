// What kubectl makes of streams: reads rows of rows.jsonl, and writes them with the answers of the code that kubectl
// reads files with (k8s.io/apimachinery v0.36.3 and sigs.k8s.io/yaml v1.6.0; v0.37.2 gives the same table).
//
//	go mod init kubectl_decoder && go get k8s.io/apimachinery@v0.36.3 && go run kubectl_decoder.go < rows.jsonl
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

type row struct {
	In      string            `json:"in"`
	Docs    []json.RawMessage `json:"docs"`
	Refused string            `json:"refused,omitempty"`
}

// The loop of StreamVisitor.Visit in k8s.io/cli-runtime, pkg/resource/visitor.go.
func judge(in string) row {
	out := row{In: in, Docs: []json.RawMessage{}}
	// FileVisitor takes the byte order mark off.
	in = strings.TrimPrefix(in, "\ufeff")
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(in), 4096)
	for {
		ext := runtime.RawExtension{}
		if err := decoder.Decode(&ext); err != nil {
			if err != io.EOF {
				out.Refused = err.Error()
			}
			return out
		}
		if raw := bytes.TrimSpace(ext.Raw); len(raw) != 0 && !bytes.Equal(raw, []byte("null")) {
			out.Docs = append(out.Docs, raw)
		}
	}
}

func main() {
	decoder, encoder := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var in row
		if err := decoder.Decode(&in); err != nil {
			return
		}
		if err := encoder.Encode(judge(in.In)); err != nil {
			panic(err)
		}
	}
}
