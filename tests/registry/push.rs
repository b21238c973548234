//! Puts images into a registry with `oci-client`: a client that shares no code with the one under test.

use futures_util::future::join_all;
use oci_client::client::{Certificate, CertificateEncoding, Client, ClientConfig, ClientProtocol, ImageLayer};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::server::{PASSWORD, Server, USER};

/// Media type of an OCI image manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI image index.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const FLUX_CONFIG: &str = "application/vnd.cncf.flux.config.v1+json";
const FLUX_LAYER: &str = "application/vnd.cncf.flux.content.v1.tar+gzip";
const HELM_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// Pushes to one registry.
pub(crate) struct Pusher<'a> {
    client: Client,
    auth: RegistryAuth,
    server: &'a Server,
}

impl<'a> Pusher<'a> {
    /// To an open registry.
    pub(crate) fn open(server: &'a Server) -> Self {
        Self::new(server, RegistryAuth::Anonymous, ClientProtocol::Http, None)
    }

    /// To a registry that lets [`USER`] in, by password or by token.
    pub(crate) fn guarded(server: &'a Server) -> Self {
        let auth = RegistryAuth::Basic(USER.to_owned(), PASSWORD.to_owned());
        Self::new(server, auth, ClientProtocol::Http, None)
    }

    /// To a registry with a certificate of `authority`.
    pub(crate) fn tls(server: &'a Server, authority: &Authority) -> Self {
        Self::new(server, RegistryAuth::Anonymous, ClientProtocol::Https, Some(authority))
    }

    fn new(server: &'a Server, auth: RegistryAuth, protocol: ClientProtocol, ca: Option<&Authority>) -> Self {
        crate::install_tls_provider();
        let extra_root_certificates = ca
            .map(|ca| Certificate { encoding: CertificateEncoding::Pem, data: ca.root().as_bytes().to_vec() })
            .into_iter()
            .collect();
        let config = ClientConfig { protocol, extra_root_certificates, ..ClientConfig::default() };
        Self { client: Client::new(config), auth, server }
    }

    /// An image of `linux/amd64`; gives the digest of its manifest.
    pub(crate) async fn image(&self, repository: &str, tag: &str) -> String {
        self.image_for(repository, tag, "amd64").await
    }

    /// An image of this architecture alone; gives the digest of its manifest.
    pub(crate) async fn image_for(&self, repository: &str, tag: &str, architecture: &str) -> String {
        let (manifest, _) = self.platform_image(repository, architecture).await;
        self.manifest(repository, tag, &manifest, MANIFEST).await
    }

    /// An index of `linux/amd64` and `linux/arm64`; gives the digest of the index.
    pub(crate) async fn index(&self, repository: &str, tag: &str) -> String {
        self.index_of(repository, tag, &[("amd64", "amd64"), ("arm64", "arm64")]).await
    }

    /// An index of these architectures: what it says, and what the image is built for, which is its tag too.
    pub(crate) async fn index_of(&self, repository: &str, tag: &str, images: &[(&str, &str)]) -> String {
        let mut entries = Vec::new();
        for (said, built) in images {
            let (manifest, size) = self.platform_image(repository, built).await;
            let digest = self.manifest(repository, built, &manifest, MANIFEST).await;
            entries.push(json!({"mediaType": MANIFEST, "digest": digest, "size": size,
                "platform": {"os": "linux", "architecture": said}}));
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        self.manifest(repository, tag, &index, INDEX).await
    }

    /// One image under many tags.
    pub(crate) async fn tags(&self, repository: &str, tags: &[String]) {
        let (manifest, _) = self.platform_image(repository, "amd64").await;
        let at = |tag: &String| Reference::with_tag(self.server.host(), repository.to_owned(), tag.clone());
        let tags: Vec<Reference> = tags.iter().map(at).collect();
        for tags in tags.chunks(32) {
            join_all(tags.iter().map(|at| self.put(at, &manifest, MANIFEST))).await;
        }
    }

    /// A Helm chart: an OCI manifest that is no image; gives its digest.
    pub(crate) async fn helm_chart(&self, repository: &str, tag: &str) -> String {
        let config = self.blob(repository, br#"{"name":"shop","version":"1.0.0"}"#, HELM_CONFIG).await;
        let layer = self.blob(repository, b"not really a chart", HELM_LAYER).await;
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        self.manifest(repository, tag, &manifest, MANIFEST).await
    }

    /// A chart with this archive and version, as `helm push` of Helm 3.22 and 4.2 puts it there: without a media type
    /// in the manifest, and with the version in an annotation. Gives the digest of the manifest.
    pub(crate) async fn chart(&self, repository: &str, version: &str, archive: &[u8]) -> String {
        self.artifact(repository, version, archive, (HELM_CONFIG, HELM_LAYER)).await
    }

    /// An artifact as `flux push artifact` makes it of a folder.
    pub(crate) async fn flux_artifact(&self, repository: &str, version: &str, archive: &[u8]) -> String {
        self.artifact(repository, version, archive, (FLUX_CONFIG, FLUX_LAYER)).await
    }

    async fn artifact(&self, repository: &str, version: &str, archive: &[u8], types: (&str, &str)) -> String {
        let name = repository.rsplit('/').next().unwrap_or_default();
        let chart = json!({"name": name, "version": version, "apiVersion": "v2"}).to_string();
        let config = self.blob(repository, chart.as_bytes(), types.0).await;
        let layer = self.blob(repository, archive, types.1).await;
        let annotations = json!({"org.opencontainers.image.title": name, "org.opencontainers.image.version": version});
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer], "annotations": annotations});
        self.manifest(repository, &version.replace('+', "_"), &manifest, MANIFEST).await
    }

    /// A manifest whose blobs are in place, and its size in bytes.
    async fn platform_image(&self, repository: &str, architecture: &str) -> (Value, usize) {
        let layer = self.blob(repository, format!("not really a layer for {architecture}").as_bytes(), LAYER).await;
        let config = json!({"os": "linux", "architecture": architecture,
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}, "config": {}});
        let config = self.blob(repository, config.to_string().as_bytes(), CONFIG).await;
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        let size = manifest.to_string().len();
        (manifest, size)
    }

    /// Pushes a blob; gives its descriptor.
    async fn blob(&self, repository: &str, data: &[u8], media_type: &str) -> Value {
        let at = self.reference(repository, "blob").await;
        let digest = sha256(data);
        self.client.push_blob(&at, data.to_vec(), &digest).await.expect("the blob is taken");
        json!({"mediaType": media_type, "digest": digest, "size": data.len()})
    }

    async fn manifest(&self, repository: &str, tag: &str, manifest: &Value, media_type: &str) -> String {
        self.put(&self.reference(repository, tag).await, manifest, media_type).await
    }

    async fn put(&self, at: &Reference, manifest: &Value, media_type: &str) -> String {
        let body = manifest.to_string().into_bytes();
        let digest = sha256(&body);
        let media_type = media_type.parse().expect("a header value");
        self.client.push_manifest_raw(at, body, media_type).await.expect("the manifest is taken");
        digest
    }

    async fn reference(&self, repository: &str, tag: &str) -> Reference {
        let reference = Reference::with_tag(self.server.host(), repository.to_owned(), tag.to_owned());
        self.client.auth(&reference, &self.auth, RegistryOperation::Push).await.expect("the registry lets us in");
        reference
    }

    /// The digest and media type that the registry itself tells, through the pushing client.
    pub(crate) async fn pulled(&self, repository: &str, tag: &str) -> (String, Value) {
        let reference = Reference::with_tag(self.server.host(), repository.to_owned(), tag.to_owned());
        let (body, digest) = self
            .client
            .pull_manifest_raw(&reference, &self.auth, &[MANIFEST, INDEX])
            .await
            .expect("what was pushed can be pulled");
        (digest, serde_json::from_slice(&body).expect("a manifest is JSON"))
    }
}

fn sha256(data: &[u8]) -> String {
    ImageLayer::oci_v1(data.to_vec(), None).sha256_digest()
}
