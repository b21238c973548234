//! The Go types into which kustomize decodes a kustomization: `api/types` and `kyaml/resid` of kustomize 5.8.3.
//!
//! Field names are from the `json` tags. `encoding/json` ignores their case.

/// A Go type, as far as decoding depends on it.
#[derive(Debug)]
pub(crate) enum Type {
    /// A string, with the name of its Go type.
    Text(&'static str),
    /// The type `bool`.
    Bool,
    /// An integer, with the name of its Go type: `int` or `int64`.
    Integer(&'static str),
    /// The type `interface {}`.
    Any,
    /// A map with string keys: the name of its Go type, and the type of its values.
    Map(&'static str, &'static Type),
    /// A slice: the name of its Go type, and the type of its items.
    List(&'static str, &'static Type),
    /// A struct, or a pointer to one.
    Struct(&'static Struct),
}

/// A Go struct into which kustomize decodes.
#[derive(Debug)]
pub(crate) struct Struct {
    /// The name of the struct without the package.
    pub(crate) name: &'static str,
    /// The fields of the struct, including those of embedded structs.
    pub(crate) fields: &'static [GoField],
}

/// A field of a Go struct.
#[derive(Debug)]
pub(crate) struct GoField {
    /// The JSON key of the field.
    pub(crate) key: &'static str,
    /// The embedded structs that contain the field, as Go prints them since 1.24: `ResId.Gvk.`.
    pub(crate) via: &'static str,
    /// The type of the field.
    pub(crate) kind: &'static Type,
    /// Whether kustomize 5.5, which is in kubectl 1.32, does not know the field.
    pub(crate) is_newer: bool,
}

const fn field(key: &'static str, kind: &'static Type) -> GoField {
    GoField { key, via: "", kind, is_newer: false }
}

const fn embedded(via: &'static str, key: &'static str, kind: &'static Type) -> GoField {
    GoField { key, via, kind, is_newer: false }
}

const fn newer(via: &'static str, key: &'static str, kind: &'static Type) -> GoField {
    GoField { key, via, kind, is_newer: true }
}

static TEXT: Type = Type::Text("string");
static BOOL: Type = Type::Bool;
static TEXTS: Type = Type::List("[]string", &TEXT);
static TEXT_MAP: Type = Type::Map("map[string]string", &TEXT);
static ANY: Type = Type::Any;
static ANY_MAP: Type = Type::Map("map[string]interface {}", &ANY);
static INT: Type = Type::Integer("int");
static INT64: Type = Type::Integer("int64");

/// The struct `types.Kustomization`.
pub(crate) static KUSTOMIZATION: Struct = Struct {
    name: "Kustomization",
    fields: &[
        embedded("TypeMeta.", "kind", &TEXT),
        embedded("TypeMeta.", "apiVersion", &TEXT),
        field("metadata", &OBJECT_META),
        field("openapi", &TEXT_MAP),
        field("namePrefix", &TEXT),
        field("nameSuffix", &TEXT),
        field("namespace", &TEXT),
        field("commonLabels", &TEXT_MAP),
        field("labels", &LABELS),
        field("commonAnnotations", &TEXT_MAP),
        field("patchesStrategicMerge", &STRATEGIC_MERGES),
        field("patchesJson6902", &PATCHES),
        field("patches", &PATCHES),
        field("images", &IMAGES),
        field("imageTags", &IMAGES),
        field("replacements", &REPLACEMENTS),
        field("replicas", &REPLICAS),
        field("vars", &VARS),
        field("sortOptions", &SORT_OPTIONS),
        field("resources", &TEXTS),
        field("components", &TEXTS),
        field("crds", &TEXTS),
        field("bases", &TEXTS),
        field("configMapGenerator", &CONFIG_MAPS),
        field("secretGenerator", &SECRETS),
        field("helmGlobals", &HELM_GLOBALS),
        field("helmCharts", &HELM_CHARTS),
        field("helmChartInflationGenerator", &HELM_CHART_ARGS),
        field("generatorOptions", &GENERATOR_OPTIONS),
        field("configurations", &TEXTS),
        field("generators", &TEXTS),
        field("transformers", &TEXTS),
        field("validators", &TEXTS),
        field("buildMetadata", &TEXTS),
    ],
};

static OBJECT_META: Type = Type::Struct(&Struct {
    name: "ObjectMeta",
    fields: &[
        field("name", &TEXT),
        field("namespace", &TEXT),
        field("labels", &TEXT_MAP),
        field("annotations", &TEXT_MAP),
    ],
});

static LABELS: Type = Type::List("[]types.Label", &LABEL);
static LABEL: Type = Type::Struct(&Struct {
    name: "Label",
    fields: &[
        field("pairs", &TEXT_MAP),
        field("includeSelectors", &BOOL),
        field("includeTemplates", &BOOL),
        newer("", "includeVolumeClaimTemplates", &BOOL),
        field("fields", &FIELD_SPECS),
    ],
});

static FIELD_SPECS: Type = Type::List("[]types.FieldSpec", &FIELD_SPEC);
static FIELD_SPEC: Type = Type::Struct(&Struct {
    name: "FieldSpec",
    fields: &[
        embedded("Gvk.", "group", &TEXT),
        embedded("Gvk.", "version", &TEXT),
        embedded("Gvk.", "kind", &TEXT),
        field("path", &TEXT),
        field("create", &BOOL),
    ],
});

static STRATEGIC_MERGES: Type = Type::List("[]types.PatchStrategicMerge", &STRATEGIC_MERGE);
static STRATEGIC_MERGE: Type = Type::Text("types.PatchStrategicMerge");

static PATCHES: Type = Type::List("[]types.Patch", &PATCH);
static PATCH: Type = Type::Struct(&Struct {
    name: "Patch",
    fields: &[
        field("path", &TEXT),
        field("patch", &TEXT),
        field("target", &SELECTOR),
        field("options", &PATCH_OPTIONS),
    ],
});

static PATCH_OPTIONS: Type = Type::Struct(&Struct {
    name: "PatchArgs",
    fields: &[field("allowNameChange", &BOOL), field("allowKindChange", &BOOL)],
});

static SELECTOR: Type = Type::Struct(&Struct {
    name: "Selector",
    fields: &[
        embedded("ResId.Gvk.", "group", &TEXT),
        embedded("ResId.Gvk.", "version", &TEXT),
        embedded("ResId.Gvk.", "kind", &TEXT),
        embedded("ResId.", "name", &TEXT),
        embedded("ResId.", "namespace", &TEXT),
        field("annotationSelector", &TEXT),
        field("labelSelector", &TEXT),
    ],
});

static IMAGES: Type = Type::List("[]types.Image", &IMAGE);
static IMAGE: Type = Type::Struct(&Struct {
    name: "Image",
    fields: &[
        field("name", &TEXT),
        field("newName", &TEXT),
        field("tagSuffix", &TEXT),
        field("newTag", &TEXT),
        field("digest", &TEXT),
    ],
});

static REPLACEMENTS: Type = Type::List("[]types.ReplacementField", &REPLACEMENT);
static REPLACEMENT: Type = Type::Struct(&Struct {
    name: "ReplacementField",
    fields: &[
        embedded("Replacement.", "source", &SOURCE_SELECTOR),
        embedded("Replacement.", "targets", &TARGET_SELECTORS),
        newer("Replacement.", "sourceValue", &TEXT),
        field("path", &TEXT),
    ],
});

static SOURCE_SELECTOR: Type = Type::Struct(&Struct {
    name: "SourceSelector",
    fields: &[
        embedded("ResId.Gvk.", "group", &TEXT),
        embedded("ResId.Gvk.", "version", &TEXT),
        embedded("ResId.Gvk.", "kind", &TEXT),
        embedded("ResId.", "name", &TEXT),
        embedded("ResId.", "namespace", &TEXT),
        field("fieldPath", &TEXT),
        field("options", &FIELD_OPTIONS),
    ],
});

static TARGET_SELECTORS: Type = Type::List("[]*types.TargetSelector", &TARGET_SELECTOR);
static TARGET_SELECTOR: Type = Type::Struct(&Struct {
    name: "TargetSelector",
    fields: &[
        field("select", &SELECTOR),
        field("reject", &SELECTORS),
        field("fieldPaths", &TEXTS),
        field("options", &FIELD_OPTIONS),
    ],
});
static SELECTORS: Type = Type::List("[]*types.Selector", &SELECTOR);

static FIELD_OPTIONS: Type = Type::Struct(&Struct {
    name: "FieldOptions",
    fields: &[field("delimiter", &TEXT), field("index", &INT), field("encoding", &TEXT), field("create", &BOOL)],
});

static REPLICAS: Type = Type::List("[]types.Replica", &REPLICA);
static REPLICA: Type =
    Type::Struct(&Struct { name: "Replica", fields: &[field("name", &TEXT), field("count", &INT64)] });

static VARS: Type = Type::List("[]types.Var", &VAR);
static VAR: Type = Type::Struct(&Struct {
    name: "Var",
    fields: &[field("name", &TEXT), field("objref", &VAR_TARGET), field("fieldref", &FIELD_SELECTOR)],
});
static VAR_TARGET: Type = Type::Struct(&Struct {
    name: "Target",
    fields: &[
        field("apiVersion", &TEXT),
        embedded("Gvk.", "group", &TEXT),
        embedded("Gvk.", "version", &TEXT),
        embedded("Gvk.", "kind", &TEXT),
        field("name", &TEXT),
        field("namespace", &TEXT),
    ],
});
static FIELD_SELECTOR: Type = Type::Struct(&Struct { name: "FieldSelector", fields: &[field("fieldPath", &TEXT)] });

static SORT_OPTIONS: Type = Type::Struct(&Struct {
    name: "SortOptions",
    fields: &[field("order", &SORT_ORDER), field("legacySortOptions", &LEGACY_SORT_OPTIONS)],
});
static SORT_ORDER: Type = Type::Text("types.SortOrder");
static LEGACY_SORT_OPTIONS: Type = Type::Struct(&Struct {
    name: "LegacySortOptions",
    fields: &[field("orderFirst", &TEXTS), field("orderLast", &TEXTS)],
});

static CONFIG_MAPS: Type = Type::List("[]types.ConfigMapArgs", &CONFIG_MAP);
static CONFIG_MAP: Type = Type::Struct(&Struct {
    name: "ConfigMapArgs",
    fields: &[
        embedded("GeneratorArgs.", "namespace", &TEXT),
        embedded("GeneratorArgs.", "name", &TEXT),
        embedded("GeneratorArgs.", "behavior", &TEXT),
        embedded("GeneratorArgs.KvPairSources.", "literals", &TEXTS),
        embedded("GeneratorArgs.KvPairSources.", "files", &TEXTS),
        embedded("GeneratorArgs.KvPairSources.", "envs", &TEXTS),
        embedded("GeneratorArgs.KvPairSources.", "env", &TEXT),
        embedded("GeneratorArgs.", "options", &GENERATOR_OPTIONS),
    ],
});

static SECRETS: Type = Type::List("[]types.SecretArgs", &SECRET);
static SECRET: Type = Type::Struct(&Struct {
    name: "SecretArgs",
    fields: &[
        embedded("GeneratorArgs.", "namespace", &TEXT),
        embedded("GeneratorArgs.", "name", &TEXT),
        embedded("GeneratorArgs.", "behavior", &TEXT),
        embedded("GeneratorArgs.KvPairSources.", "literals", &TEXTS),
        embedded("GeneratorArgs.KvPairSources.", "files", &TEXTS),
        embedded("GeneratorArgs.KvPairSources.", "envs", &TEXTS),
        embedded("GeneratorArgs.KvPairSources.", "env", &TEXT),
        embedded("GeneratorArgs.", "options", &GENERATOR_OPTIONS),
        field("type", &TEXT),
    ],
});

static GENERATOR_OPTIONS: Type = Type::Struct(&Struct {
    name: "GeneratorOptions",
    fields: &[
        field("labels", &TEXT_MAP),
        field("annotations", &TEXT_MAP),
        field("disableNameSuffixHash", &BOOL),
        field("immutable", &BOOL),
    ],
});

static HELM_GLOBALS: Type =
    Type::Struct(&Struct { name: "HelmGlobals", fields: &[field("chartHome", &TEXT), field("configHome", &TEXT)] });

static HELM_CHARTS: Type = Type::List("[]types.HelmChart", &HELM_CHART);
static HELM_CHART: Type = Type::Struct(&Struct {
    name: "HelmChart",
    fields: &[
        field("name", &TEXT),
        field("version", &TEXT),
        field("repo", &TEXT),
        field("releaseName", &TEXT),
        field("namespace", &TEXT),
        field("additionalValuesFiles", &TEXTS),
        field("valuesFile", &TEXT),
        field("valuesInline", &ANY_MAP),
        field("valuesMerge", &TEXT),
        field("includeCRDs", &BOOL),
        field("skipHooks", &BOOL),
        field("apiVersions", &TEXTS),
        field("kubeVersion", &TEXT),
        field("nameTemplate", &TEXT),
        field("skipTests", &BOOL),
        field("debug", &BOOL),
        newer("", "devel", &BOOL),
    ],
});

static HELM_CHART_ARGS: Type = Type::List("[]types.HelmChartArgs", &HELM_CHART_ARG);
static HELM_CHART_ARG: Type = Type::Struct(&Struct {
    name: "HelmChartArgs",
    fields: &[
        field("chartName", &TEXT),
        field("chartVersion", &TEXT),
        field("chartRepoUrl", &TEXT),
        field("chartHome", &TEXT),
        field("chartRepoName", &TEXT),
        field("helmBin", &TEXT),
        field("helmHome", &TEXT),
        field("values", &TEXT),
        field("valuesLocal", &ANY_MAP),
        field("valuesMerge", &TEXT),
        field("releaseName", &TEXT),
        field("releaseNamespace", &TEXT),
        field("extraArgs", &TEXTS),
    ],
});
