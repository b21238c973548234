//! Objects that make Secrets, by the sources of their controllers.

/// One object, a pod that names its Secret, and what is known of that.
pub(crate) struct Producer {
    pub(crate) what: &'static str,
    pub(crate) yaml: &'static str,
    /// Namespace of the pod.
    pub(crate) namespace: Option<&'static str>,
    /// Name under the pod's `imagePullSecrets`.
    pub(crate) name: &'static str,
    /// The type that the object says.
    pub(crate) kind: Option<&'static str>,
    pub(crate) state: &'static str,
    /// Part of the reason.
    pub(crate) reason: &'static str,
}

const JSON: Option<&str> = Some("kubernetes.io/dockerconfigjson");
const CFG: Option<&str> = Some("kubernetes.io/dockercfg");

const fn row(
    what: &'static str,
    namespace: Option<&'static str>,
    name: &'static str,
    kind: Option<&'static str>,
    (state, reason): (&'static str, &'static str),
    yaml: &'static str,
) -> Producer {
    Producer { what, yaml, namespace, name, kind, state, reason }
}

const MISSING: (&str, &str) = ("missing", "nothing in the inputs produces it");
const WRONG_TYPE: (&str, &str) = ("ignored", "the type is not kubernetes.io/dockerconfigjson");
const NO_KEY: (&str, &str) = ("ignored", "the data key that the type requires is missing");

macro_rules! sealed {
    ($spec:literal) => {
        concat!(
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: x, namespace: shop}\nspec: ",
            $spec,
            "\n"
        )
    };
}
macro_rules! external {
    ($spec:literal) => {
        concat!("apiVersion: external-secrets.io/v1beta1\nkind: ExternalSecret\nmetadata: {name: x, namespace: shop}\nspec: ", $spec, "\n")
    };
}
macro_rules! cluster {
    ($spec:literal) => {
        concat!(
            "apiVersion: external-secrets.io/v1\nkind: ClusterExternalSecret\nmetadata: {name: x}\nspec: ",
            $spec,
            "\n"
        )
    };
}
macro_rules! vault {
    ($kind:literal, $destination:literal) => {
        concat!(
            "apiVersion: secrets.hashicorp.com/v1beta1\nkind: ",
            $kind,
            "\nmetadata: {name: v, namespace: shop}\nspec: {destination: ",
            $destination,
            "}\n"
        )
    };
}
macro_rules! provider {
    ($object:literal) => {
        concat!("apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata: {name: p, namespace: shop}\nspec: {secretObjects: [", $object, "]}\n")
    };
}
macro_rules! secret {
    ($metadata:literal, $rest:literal) => {
        concat!("apiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: shop", $metadata, "}\n", $rest, "\n")
    };
}

const SHOP: Option<&str> = Some("shop");
const WEB: Option<&str> = Some("web");

/// What is made, and what is not.
pub(crate) const PRODUCERS: &[Producer] = &[
    // SealedSecret
    row(
        "a sealed pull secret",
        SHOP,
        "x",
        JSON,
        ("opaque", "produced by the SealedSecret shop/x, its content is encrypted"),
        sealed!("{encryptedData: {.dockerconfigjson: Ag}, template: {type: kubernetes.io/dockerconfigjson}}"),
    ),
    row(
        "the template's name is overwritten",
        SHOP,
        "x",
        JSON,
        ("opaque", "SealedSecret"),
        sealed!(
            "{encryptedData: {.dockerconfigjson: Ag}, template: {type: kubernetes.io/dockerconfigjson, metadata: {name: other}}}"
        ),
    ),
    row(
        "sealed for one namespace",
        WEB,
        "x",
        JSON,
        ("missing", "the inputs contain it only in the namespace shop"),
        sealed!("{encryptedData: {.dockerconfigjson: Ag}, template: {type: kubernetes.io/dockerconfigjson}}"),
    ),
    row("no type", SHOP, "x", None, WRONG_TYPE, sealed!("{encryptedData: {.dockerconfigjson: Ag}}")),
    row(
        "an empty type",
        SHOP,
        "x",
        Some(""),
        WRONG_TYPE,
        sealed!("{encryptedData: {.dockerconfigjson: Ag}, template: {type: ''}}"),
    ),
    row(
        "a key of the template's",
        SHOP,
        "x",
        JSON,
        ("opaque", ""),
        sealed!(
            "{encryptedData: {p: Ag}, template: {type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: '{{ .p }}'}}}"
        ),
    ),
    row(
        "no key",
        SHOP,
        "x",
        CFG,
        NO_KEY,
        sealed!("{encryptedData: {.dockerconfigjson: Ag}, template: {type: kubernetes.io/dockercfg}}"),
    ),
    row("the whole Secret encrypted", SHOP, "x", None, ("opaque", ""), sealed!("{data: AgBy}")),
    row(
        "a type that is filled in",
        SHOP,
        "x",
        None,
        ("opaque", ""),
        sealed!("{encryptedData: {a: Ag}, template: {type: '${TYPE}'}}"),
    ),
    // ExternalSecret
    row(
        "the object's name",
        SHOP,
        "x",
        JSON,
        ("opaque", "produced by the ExternalSecret shop/x, its content is fetched from a secret store"),
        external!(
            "{target: {template: {type: kubernetes.io/dockerconfigjson}}, data: [{secretKey: .dockerconfigjson}]}"
        ),
    ),
    row(
        "the target's name",
        SHOP,
        "other",
        JSON,
        ("opaque", "ExternalSecret"),
        external!(
            "{target: {name: other, template: {type: kubernetes.io/dockerconfigjson}}, dataFrom: [{extract: {key: k}}]}"
        ),
    ),
    row(
        "and no other",
        SHOP,
        "x",
        None,
        MISSING,
        external!(
            "{target: {name: other, template: {type: kubernetes.io/dockerconfigjson}}, dataFrom: [{extract: {key: k}}]}"
        ),
    ),
    row("no type", SHOP, "x", None, WRONG_TYPE, external!("{data: [{secretKey: .dockerconfigjson}]}")),
    row(
        "fetched keys",
        SHOP,
        "x",
        JSON,
        NO_KEY,
        external!("{target: {template: {type: kubernetes.io/dockerconfigjson}}, data: [{secretKey: password}]}"),
    ),
    row(
        "the template's keys replace them",
        SHOP,
        "x",
        JSON,
        NO_KEY,
        external!(
            "{target: {template: {type: kubernetes.io/dockerconfigjson, data: {a: b}}}, data: [{secretKey: .dockerconfigjson}]}"
        ),
    ),
    row(
        "or are merged with them",
        SHOP,
        "x",
        JSON,
        ("opaque", ""),
        external!(
            "{target: {template: {type: kubernetes.io/dockerconfigjson, mergePolicy: Merge, data: {a: b}}}, data: [{secretKey: .dockerconfigjson}]}"
        ),
    ),
    row(
        "keys from elsewhere",
        SHOP,
        "x",
        JSON,
        ("opaque", ""),
        external!(
            "{target: {template: {type: kubernetes.io/dockerconfigjson, templateFrom: [{configMap: {name: c}}]}}, data: [{secretKey: a}]}"
        ),
    ),
    row(
        "more than the keys that are seen",
        SHOP,
        "x",
        JSON,
        ("opaque", ""),
        external!(
            "{target: {template: {type: kubernetes.io/dockerconfigjson}}, data: [{secretKey: a}], dataFrom: [{extract: {key: k}}]}"
        ),
    ),
    row(
        "merged into what must be there",
        SHOP,
        "x",
        None,
        MISSING,
        external!("{target: {creationPolicy: Merge, template: {type: kubernetes.io/dockerconfigjson}}}"),
    ),
    row("never made", SHOP, "x", None, MISSING, external!("{target: {creationPolicy: None}}")),
    row("not a Secret", SHOP, "x", None, MISSING, external!("{target: {manifest: {apiVersion: v1, kind: ConfigMap}}}")),
    // ClusterExternalSecret
    row(
        "a listed namespace",
        SHOP,
        "x",
        JSON,
        ("opaque", "ClusterExternalSecret"),
        cluster!(
            "{namespaces: [shop], externalSecretSpec: {target: {template: {type: kubernetes.io/dockerconfigjson}}, dataFrom: [{}]}}"
        ),
    ),
    row(
        "another namespace",
        WEB,
        "x",
        JSON,
        MISSING,
        cluster!(
            "{namespaces: [shop], externalSecretSpec: {target: {template: {type: kubernetes.io/dockerconfigjson}}, dataFrom: [{}]}}"
        ),
    ),
    row(
        "chosen by label",
        WEB,
        "x",
        JSON,
        ("opaque", "it is unknown"),
        cluster!(
            "{namespaceSelector: {matchLabels: {a: b}}, externalSecretSpec: {target: {template: {type: kubernetes.io/dockerconfigjson}}, dataFrom: [{}]}}"
        ),
    ),
    row(
        "chosen by several",
        WEB,
        "x",
        JSON,
        ("opaque", "it is unknown"),
        cluster!(
            "{namespaceSelectors: [{}], externalSecretSpec: {target: {template: {type: kubernetes.io/dockerconfigjson}}, dataFrom: [{}]}}"
        ),
    ),
    row(
        "the ExternalSecret's name",
        SHOP,
        "other",
        JSON,
        ("opaque", ""),
        cluster!(
            "{namespaces: [shop], externalSecretName: other, externalSecretSpec: {target: {template: {type: kubernetes.io/dockerconfigjson}}, dataFrom: [{}]}}"
        ),
    ),
    row(
        "the target's name first",
        SHOP,
        "z",
        JSON,
        ("opaque", ""),
        cluster!(
            "{namespaces: [shop], externalSecretName: other, externalSecretSpec: {target: {name: z, template: {type: kubernetes.io/dockerconfigjson}}, dataFrom: [{}]}}"
        ),
    ),
    row("no type", SHOP, "x", None, WRONG_TYPE, cluster!("{namespaces: [shop], externalSecretSpec: {}}")),
    // Vault
    row(
        "a static secret",
        SHOP,
        "x",
        JSON,
        ("opaque", "produced by the VaultStaticSecret shop/v, its content is fetched from Vault"),
        vault!("VaultStaticSecret", "{name: x, create: true, type: kubernetes.io/dockerconfigjson}"),
    ),
    row(
        "a dynamic secret",
        SHOP,
        "x",
        JSON,
        ("opaque", "VaultDynamicSecret"),
        vault!("VaultDynamicSecret", "{name: x, create: true, type: kubernetes.io/dockerconfigjson}"),
    ),
    row(
        "an app of HCP",
        SHOP,
        "x",
        JSON,
        ("opaque", "HCPVaultSecretsApp"),
        vault!("HCPVaultSecretsApp", "{name: x, create: true, type: kubernetes.io/dockerconfigjson}"),
    ),
    row("no type", SHOP, "x", None, WRONG_TYPE, vault!("VaultPKISecret", "{name: x, create: true}")),
    row(
        "it must be there already",
        SHOP,
        "x",
        None,
        MISSING,
        vault!("VaultStaticSecret", "{name: x, type: kubernetes.io/dockerconfigjson}"),
    ),
    row(
        "it is not made",
        SHOP,
        "x",
        None,
        MISSING,
        vault!("VaultStaticSecret", "{name: x, create: false, type: kubernetes.io/dockerconfigjson}"),
    ),
    // SecretProviderClass
    row(
        "mounted",
        SHOP,
        "x",
        JSON,
        ("opaque", "exists only while a running pod mounts the volume"),
        provider!(
            "{secretName: x, type: kubernetes.io/dockerconfigjson, data: [{objectName: o, key: .dockerconfigjson}]}"
        ),
    ),
    row(
        "without the key",
        SHOP,
        "x",
        JSON,
        NO_KEY,
        provider!("{secretName: x, type: kubernetes.io/dockerconfigjson, data: [{objectName: o, key: config}]}"),
    ),
    row(
        "of another type",
        SHOP,
        "x",
        Some("Opaque"),
        WRONG_TYPE,
        provider!("{secretName: x, type: Opaque, data: [{objectName: o, key: config}]}"),
    ),
    // SOPS
    row(
        "encrypted values",
        SHOP,
        "x",
        JSON,
        ("opaque", "its content is encrypted"),
        secret!(
            "",
            "type: kubernetes.io/dockerconfigjson\ndata: {.dockerconfigjson: 'ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]'}\nsops: {version: 3.9.0}"
        ),
    ),
    row(
        "an encrypted type",
        SHOP,
        "x",
        None,
        ("opaque", "its content is encrypted"),
        secret!(
            "",
            "type: ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]\ndata: {a: 'ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]'}\nsops: {version: 3.9.0}"
        ),
    ),
    row(
        "keys are not encrypted",
        SHOP,
        "x",
        JSON,
        NO_KEY,
        secret!(
            "",
            "type: kubernetes.io/dockerconfigjson\ndata: {a: 'ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]'}\nsops: {version: 3.9.0}"
        ),
    ),
    // Copies
    row(
        "reflected everywhere",
        WEB,
        "x",
        JSON,
        ("readable", "copied by reflector"),
        secret!(
            ", annotations: {reflector.v1.k8s.emberstack.com/reflection-allowed: 'true', reflector.v1.k8s.emberstack.com/reflection-auto-enabled: 'true'}",
            "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{}'}"
        ),
    ),
    row(
        "reflected elsewhere",
        WEB,
        "x",
        JSON,
        ("missing", "only in the namespace shop"),
        secret!(
            ", annotations: {reflector.v1.k8s.emberstack.com/reflection-allowed: 'true', reflector.v1.k8s.emberstack.com/reflection-auto-enabled: 'true', reflector.v1.k8s.emberstack.com/reflection-auto-namespaces: 'a,b'}",
            "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{}'}"
        ),
    ),
    row(
        "reflected by pattern",
        WEB,
        "x",
        JSON,
        ("readable", "copied by reflector"),
        secret!(
            ", annotations: {reflector.v1.k8s.emberstack.com/reflection-allowed: 'true', reflector.v1.k8s.emberstack.com/reflection-auto-enabled: 'true', reflector.v1.k8s.emberstack.com/reflection-auto-namespaces: 'w.*'}",
            "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{}'}"
        ),
    ),
    row(
        "not reflected",
        WEB,
        "x",
        JSON,
        ("missing", ""),
        secret!(
            ", annotations: {reflector.v1.k8s.emberstack.com/reflection-auto-enabled: 'true'}",
            "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{}'}"
        ),
    ),
    row(
        "replicated",
        WEB,
        "x",
        JSON,
        ("readable", "copied by kubernetes-replicator"),
        secret!(
            ", annotations: {replicator.v1.mittwald.de/replicate-to: 'a, web'}",
            "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{}'}"
        ),
    ),
    row(
        "replicated by label",
        WEB,
        "x",
        JSON,
        ("opaque", "whether kubernetes-replicator copies it"),
        secret!(
            ", annotations: {replicator.v1.mittwald.de/replicate-to-matching: a=b}",
            "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{}'}"
        ),
    ),
    row(
        "a project's",
        WEB,
        "x",
        JSON,
        ("opaque", "whether Rancher copies it"),
        secret!(
            ", annotations: {field.cattle.io/projectId: 'c-1:p-1'}",
            "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{}'}"
        ),
    ),
    row(
        "at home it is known",
        SHOP,
        "x",
        JSON,
        ("readable", ""),
        secret!(
            ", annotations: {field.cattle.io/projectId: 'c-1:p-1'}",
            "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{}'}"
        ),
    ),
    row(
        "a mirror's first content says nothing",
        SHOP,
        "x",
        JSON,
        ("opaque", "its content is copied from base/regcred"),
        secret!(
            ", annotations: {replicator.v1.mittwald.de/replicate-from: base/regcred}",
            "type: kubernetes.io/dockerconfigjson\ndata: {.dockerconfigjson: e30K}"
        ),
    ),
    row(
        "a mirror's type does",
        SHOP,
        "x",
        None,
        WRONG_TYPE,
        secret!(", annotations: {reflector.v1.k8s.emberstack.com/reflects: base/regcred}", "data: {}"),
    ),
    // Others fill in
    row(
        "filled in by another object",
        SHOP,
        "x",
        JSON,
        ("opaque", "filled in later"),
        concat!(
            external!("{target: {creationPolicy: Merge}}"),
            "---\n",
            secret!("", "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{}'}")
        ),
    ),
];
