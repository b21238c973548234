//! Registries of clouds whose nodes authenticate by themselves. The kubelet runs a credential provider plugin with
//! the identity of the machine, and no manifest shows it.
//!
//! The patterns are the `matchImages` that the clouds configure, matched by the kubelet's own URL match: one `*` is
//! within one label of the host.

/// | cloud | source |
/// |---|---|
/// | AWS ECR | awslabs/amazon-eks-ami, `nodeadm/internal/kubelet/image-credential-provider.go` |
/// | Azure ACR | kubernetes-sigs/cloud-provider-azure, `pkg/credentialprovider/azure_credentials.go` and its example configuration |
/// | Google | kubernetes/cloud-provider-gcp, `pkg/gcpcredential/gcpcredential.go` |
pub(super) const NODE_CREDENTIALS: &[&str] = &[
    "*.dkr.ecr.*.amazonaws.com",
    "*.dkr.ecr.*.amazonaws.com.cn",
    "*.dkr.ecr.*.amazonaws.eu",
    "*.dkr.ecr-fips.*.amazonaws.com",
    "*.dkr-ecr.*.on.aws",
    "*.dkr-ecr-fips.*.on.aws",
    "*.dkr-ecr.*.on.amazonwebservices.com.cn",
    "*.dkr.ecr.*.c2s.ic.gov",
    "*.dkr.ecr.*.sc2s.sgov.gov",
    "*.dkr.ecr.*.cloud.adc-e.uk",
    "*.dkr.ecr.*.csp.hci.ic.gov",
    "public.ecr.aws",
    "*.azurecr.io",
    "*.azurecr.cn",
    "*.azurecr.de",
    "*.azurecr.us",
    "container.cloud.google.com",
    "gcr.io",
    "*.gcr.io",
    "*.pkg.dev",
];
