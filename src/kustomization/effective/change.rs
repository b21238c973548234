//! What the patches of a kustomization change.

use super::{Builder, BuiltPod, Item, MAX_CHECKS, Set, Why};
use crate::inventory::Inventory;
use crate::kustomization::image::within_item;
use crate::kustomization::patch::{Body, Change, Merge, MergedImage, Operation, Patch, Target};
use crate::kustomization::unrendered::{Reason, Unfollowed};
use crate::kustomization::{Build, Kustomization, Refusal, member_path};
use crate::resource::ResourceName;
use crate::service_account::ServiceAccount;
use crate::source::Span;
use crate::workload::placeholder::is_placeholder;
use crate::workload::{Resource, ResourceId, SecretReference, kinds};

/// Applies one patch.
pub(super) fn patch(builder: &mut Builder<'_>, own: &Kustomization, patch: &Patch, pods: &mut [BuiltPod]) {
    let changes = match &patch.body {
        Body::File(file) => {
            let source = builder.files.get(&member_path(&own.folder, file)).copied();
            source.and_then(|source| builder.changes_of(source))
        }
        Body::Inline(changes) => Some(changes.clone()),
        Body::Unknown | Body::Refused(_) => None,
    };
    let unfollowed = |reason| Unfollowed { reason, span: patch.span };
    // kustomize takes one partial object at most where there is a target.
    let merges = |changes: &[Change]| changes.iter().filter(|it| matches!(it, Change::Merge(_))).count();
    let changes = changes.filter(|changes| patch.target.is_none() || merges(changes) < 2);
    let Some(changes) = changes else {
        builder.reasons.push(unfollowed(Reason::Patch));
        for pod in pods.iter_mut().filter(|pod| fit(builder.inventory, patch, None, pod) != Some(false)) {
            blur(pod, why(patch));
        }
        return;
    };
    builder.checks += patch.target.as_ref().map_or(1, Target::cost) * pods.len() * changes.len();
    if builder.checks > MAX_CHECKS {
        builder.is_exhausted = true;
        return;
    }
    for change in &changes {
        unmatched(builder, patch, change);
        if let (Some(target), Change::Operations(operations)) = (&patch.target, change)
            && let Some(first) = operations.first().filter(|it| it.op != "test" && it.path.contains("ontainers["))
            && !builder.has_pods_only(target, &first.path)
        {
            builder.doubt.get_or_insert(Why::new(patch.span, "kustomize fails where an object has no such field"));
        }
        let (name, concerns) = match change {
            Change::Merge(merge) => (Some(&merge.name), merge.has_directive || concerns(merge)),
            Change::Operations(operations) => (None, operations.iter().any(|it| it.adds_image || it.is_of_pods())),
        };
        if !concerns {
            continue;
        }
        let mut followed = true;
        if let (None, Some(name)) = (&patch.target, name)
            && pods.iter().all(|pod| fit(builder.inventory, patch, Some(name), pod) == Some(false))
        {
            // kustomize fails where only an object of another namespace has the name.
            let anywhere = ResourceName { namespace: None, ..name.clone() };
            for pod in pods.iter_mut() {
                if fit(builder.inventory, patch, Some(&anywhere), pod) != Some(false) {
                    blur(pod, why(patch));
                    followed = false;
                }
            }
        }
        for pod in pods.iter_mut() {
            match (fit(builder.inventory, patch, name, pod), change) {
                (Some(false), _) => {}
                (Some(true), Change::Merge(merge)) if pod.is_deleted => {
                    let kind = &merge.name.kind;
                    let words = format!("no matches for Id {kind}; failed to find unique target for patch");
                    let refusal = Refusal::new(patch.span, words, "another patch has taken its object away");
                    builder.unmatched.extend(patch.target.is_none().then_some(refusal));
                }
                _ if pod.is_deleted => {}
                (None, _) => {
                    blur(pod, why(patch));
                    followed = false;
                }
                (Some(true), Change::Merge(merge)) => {
                    builder.merged.extend(merge.images.iter().filter_map(|image| image.image));
                    followed &= merge_object(builder.inventory, patch, merge, pod);
                    if pod.is_deleted {
                        builder.deleted.insert(builder.inventory.pod(pod.pod).resource);
                    }
                }
                (Some(true), Change::Operations(operations)) => {
                    for operation in operations {
                        if operation.misses(builder.inventory, pod) {
                            let (op, path) = (&operation.op, &operation.path);
                            let words = format!("{op} operation does not apply: doc is missing path: {path}");
                            let label = "an object that it is for has no such field";
                            builder.unmatched.push(Refusal::new(patch.span, words, label));
                        }
                        followed &= operate(builder.inventory, patch, operation, pod);
                    }
                }
            }
        }
        if !followed {
            builder.reasons.push(unfollowed(Reason::Patch));
        }
    }
}

/// A partial object that patches nothing: kustomize refuses that. Objects that generators make, and those that are not
/// read, may be meant.
fn unmatched(builder: &mut Builder<'_>, patch: &Patch, change: &Change) {
    let (None, Change::Merge(merge)) = (&patch.target, change) else { return };
    let Some(name) = merge.name.name.as_deref() else { return };
    let kind = merge.name.kind.as_str();
    let is_open = matches!(kind, "" | "ConfigMap" | "Secret" | "CustomResourceDefinition");
    let is_kind = |it: &ResourceName| it.kind == kind && it.group() == merge.name.group();
    if is_open || is_placeholder(name) || builder.may_have(is_kind, name, patch.span) {
        return;
    }
    let words = format!("no resource matches strategic merge patch \"{kind}/{name}\": no matches for Id");
    let label = format!("there is no {kind} `{name}` to patch");
    builder.unmatched.push(Refusal::new(patch.span, words, label));
}

fn concerns(merge: &Merge) -> bool {
    let says = |pod: &crate::kustomization::patch::MergedPod| {
        pod.pull_secrets.is_some() || pod.service_account.is_some() || pod.has_demand
    };
    merge.reorders || !merge.images.is_empty() || merge.pods.iter().any(says)
}

/// Nothing is known any more of a pod.
fn blur(pod: &mut BuiltPod, why: Why) {
    pod.lost.get_or_insert(why);
    pod.blur_images(why);
    pod.blur_credentials();
}

const fn why(patch: &Patch) -> Why {
    Why::new(patch.span, "this patch may change it, in a way that is not followed")
}

/// Whether a patch is meant for a pod's object; `None` where it may be.
fn fit(inventory: &Inventory, patch: &Patch, name: Option<&ResourceName>, pod: &BuiltPod) -> Option<bool> {
    let object = &inventory.resource(inventory.pod(pod.pod).resource).name;
    match (&patch.target, name) {
        (Some(target), _) => target.fits(object, &pod.names, &pod.namespaces),
        (None, None) => None,
        (None, Some(name)) => {
            let is_named = name.name.as_ref().is_some_and(|name| pod.names.contains(name));
            // None is the one called so (`IsNsEquals` of `kyaml/resid/resid.go`, kustomize 5.8.3).
            let effective = |namespace: &Option<String>| namespace.as_deref().unwrap_or("default").to_owned();
            let own = effective(&name.namespace);
            let same_namespace = name.namespace.is_none() || pod.namespaces.iter().any(|it| effective(it) == own);
            let is_meant = name.kind == object.kind && name.group() == object.group() && is_named && same_namespace;
            // kustomize finds no object of another version, and fails.
            if is_meant && name.api_version != object.api_version { None } else { Some(is_meant) }
        }
    }
}

/// Merges a partial object; `false` where what comes out is not known.
fn merge_object(inventory: &Inventory, patch: &Patch, merge: &Merge, pod: &mut BuiltPod) -> bool {
    if merge.deletes {
        pod.is_deleted = true;
        return true;
    }
    if merge.has_directive {
        blur(pod, why(patch));
        return false;
    }
    let object = &inventory.resource(inventory.pod(pod.pod).resource).name;
    let is_builtin = kinds::builtin(object).is_some();
    if is_builtin && merge.name.kind != object.kind && !merge.name.kind.is_empty() {
        let parent = |path: &str| containers_parent(within_item(path));
        let own = pod.items.iter().filter_map(|item| path_of(inventory, item)).find_map(parent);
        let mut images = merge.images.iter().filter_map(|image| parent(&image.path));
        // A pod template in what has none, or the other way round: it is added, and nobody reads it.
        match images.next() {
            Some(other) if own.as_ref() == Some(&other) => {}
            Some(_) => return true,
            None => {
                pod.blur_credentials();
                return true;
            }
        }
    }
    if !is_builtin {
        // Without a schema a list is replaced as a whole.
        if merge.reorders && merge.images.is_empty() {
            blur(pod, why(patch));
            return false;
        }
        let path = |item: &Item| path_of(inventory, item).unwrap_or_default().to_owned();
        let lists: Vec<&str> = merge.images.iter().filter_map(|image| list_of(&image.path)).collect();
        pod.items.retain(|item| list_of(&path(item)).is_none_or(|list| !lists.contains(&list)));
    }
    pod.is_reordered |= merge.reorders && is_builtin;
    let mut followed = true;
    for image in &merge.images {
        followed &= merge_image(inventory, patch, image, is_builtin, pod);
    }
    for merged in &merge.pods {
        if let Some(secrets) = &merged.pull_secrets {
            let own = pod.facts.pull_secrets.take().filter(|_| is_builtin).unwrap_or_default();
            let mut merged: Vec<SecretReference> = secrets.clone();
            merged.extend(own.into_iter().filter(|own| !secrets.iter().any(|it| it.name == own.name)));
            pod.facts.pull_secrets = Some(merged);
        }
        if merged.service_account.is_some() {
            pod.facts.service_account.clone_from(&merged.service_account);
        }
        pod.facts.has_other_demand |= merged.has_demand;
    }
    followed
}

fn merge_image(
    inventory: &Inventory,
    patch: &Patch,
    image: &MergedImage,
    is_builtin: bool,
    pod: &mut BuiltPod,
) -> bool {
    let container = |item: &Item| {
        let of_use = || inventory.images.get(item.image).map(|image| image.container.clone());
        item.added.as_ref().map(|(container, _)| container.clone()).or_else(of_use)
    };
    let set = || Set { value: image.text.value.clone(), span: image.text.span, path: format!("{}.patch", patch.path) };
    if image.container.name.is_none() {
        blur(pod, why(patch));
        return false;
    }
    let merged = pod.items.iter_mut().find(|item| is_builtin && container(item).as_ref() == Some(&image.container));
    match (merged, image.image) {
        (Some(item), Some(at)) => {
            *item = Item { image: at, added: None, set: Vec::new(), unknown: None };
        }
        (Some(item), None) => {
            item.set.push(set());
            item.unknown = None;
        }
        (None, Some(at)) => {
            pod.items.push(Item { image: at, added: None, set: Vec::new(), unknown: None });
        }
        // A container of its own needs a use to begin as: any that its pod is written with.
        (None, None) => match inventory.images.iter().position(|image| image.pod == pod.pod) {
            Some(at) => pod.items.push(Item {
                image: at,
                added: Some((image.container.clone(), image.path.clone())),
                set: vec![set()],
                unknown: None,
            }),
            None => return false,
        },
    }
    true
}

/// Where the item's field stands in its object.
fn path_of<'i>(inventory: &'i Inventory, item: &'i Item) -> Option<&'i str> {
    let added = item.added.as_ref().map(|(_, path)| path.as_str());
    added.or_else(|| inventory.images.get(item.image).map(|image| image.path.as_str()))
}

/// `spec.template.spec` of the path of a field of a container, in either kind of list.
fn containers_parent(path: &str) -> Option<String> {
    let (lists, _) = path.split_once("ontainers[")?;
    lists.rsplit_once('.').map(|(parent, _)| parent.to_owned())
}

/// `spec.containers` of `spec.containers[0].image`.
fn list_of(path: &str) -> Option<&str> {
    path.rsplit_once('[').map(|(list, _)| list)
}

impl Operation {
    /// Whether it is for a container that the pod certainly does not have: kustomize fails then.
    fn misses(&self, inventory: &Inventory, pod: &BuiltPod) -> bool {
        let object = &inventory.resource(inventory.pod(pod.pod).resource).name;
        let Some(own) =
            containers_parent(&self.path).filter(|_| kinds::builtin(object).is_some() && pod.lost.is_none())
        else {
            return false;
        };
        let paths = pod.items.iter().filter_map(|item| path_of(inventory, item)).map(within_item);
        let mut parents = paths.filter_map(containers_parent);
        self.op != "test" && parents.next().is_some_and(|first| first != own)
    }

    /// Whether it could change what a pod pulls, or with what.
    fn is_of_pods(&self) -> bool {
        let last = self.path.rsplit(['.', ']']).next().unwrap_or_default();
        let whole = ["", "spec", "template", "jobTemplate", "volumes", "containers", "initContainers"];
        let names =
            ["image", "imagePullPolicy", "imagePullSecrets", "serviceAccountName", "serviceAccount", "reference"];
        self.op != "test" && (whole.contains(&last) || names.contains(&last) || self.path.contains("imagePullSecrets"))
    }
}

/// One operation of JSON 6902; `false` where what comes out is not known.
fn operate(inventory: &Inventory, patch: &Patch, operation: &Operation, pod: &mut BuiltPod) -> bool {
    if operation.op == "test" {
        return true;
    }
    let path = operation.path.as_str();
    // What is copied is not looked up.
    let is_copied = matches!(operation.op.as_str(), "copy" | "move") && operation.is_of_pods();
    if is_copied || operation.adds_image && operation.added.is_empty() {
        blur(pod, why(patch));
        return false;
    }
    if !operation.added.is_empty() {
        return add_images(inventory, patch, operation, pod);
    }
    let below = |whole: &str, part: &str| {
        whole == part || whole.strip_prefix(part).is_some_and(|rest| rest.starts_with(['.', '[']) || part.is_empty())
    };
    let (mut followed, mut is_met) = (true, false);
    // An item that comes or goes moves those behind it.
    let list = path.strip_suffix(']').and_then(|_| list_of(path));
    let is_appended = path.ends_with("[-]");
    let moved = pod.is_reordered.then(|| list_of(path)).flatten();
    for item in &mut pod.items {
        let Some(own) = path_of(inventory, item).map(within_item).map(str::to_owned) else { continue };
        let own = own.as_str();
        if moved.is_some_and(|list| list_of(own) == Some(list)) && path.ends_with(".image") {
            item.blur(why(patch));
            followed = false;
            continue;
        }
        match (&operation.value, operation.op.as_str()) {
            (Some(value), "replace" | "add") if own == path => {
                let set = Set { value: value.value.clone(), span: value.span, path: format!("{}.patch", patch.path) };
                item.set.push(set);
                item.unknown = None;
                is_met = true;
            }
            _ if list.is_some_and(|list| !is_appended && below(own, list)) || list.is_none() && below(own, path) => {
                item.blur(why(patch));
                followed = false;
            }
            _ if path.ends_with("imagePullPolicy") && list_of(own) == list_of(path) => {
                item.blur(why(patch));
                followed = false;
            }
            _ => {}
        }
    }
    // Which one of its list it is for is not known: its place is counted from the end, or one was added before.
    if !is_met && (path.ends_with("].image") || path.ends_with("].image.reference")) {
        followed &= !blur_list(inventory, patch, path, pod);
    }
    let last = path.rsplit('.').next().unwrap_or_default();
    let is_of_credentials = path.contains("imagePullSecrets") || last.starts_with("serviceAccount");
    if is_of_credentials || list.is_none() && matches!(last, "" | "spec" | "template" | "jobTemplate") {
        pod.facts.is_uncertain = true;
        followed = false;
    }
    followed
}

/// Makes the images of one list unknown; whether there are any.
fn blur_list(inventory: &Inventory, patch: &Patch, path: &str, pod: &mut BuiltPod) -> bool {
    let mut found = false;
    for item in &mut pod.items {
        if path_of(inventory, item).is_some_and(|own| list_of(within_item(own)) == list_of(path)) {
            item.blur(why(patch));
            found = true;
        }
    }
    found
}

/// Adds the containers or volumes that an operation of JSON 6902 brings; `false` where what comes out is not known.
fn add_images(inventory: &Inventory, patch: &Patch, operation: &Operation, pod: &mut BuiltPod) -> bool {
    let path = operation.path.as_str();
    let place = path.strip_suffix(']').and_then(|path| path.rsplit_once('['));
    let list = place.map_or(path, |(list, _)| list);
    let own = |item: &Item| path_of(inventory, item).map(|path| within_item(path).to_owned());
    let parent = list.rsplit_once('.').map_or("", |(parent, _)| parent);
    // Of an object with several pods only one has the list.
    let has_list = pod.items.iter().filter_map(own).filter_map(|it| containers_parent(&it)).any(|it| it == parent);
    let start = pod
        .items
        .iter()
        .map(|item| item.image)
        .find(|at| inventory.images.get(*at).is_some_and(|image| image.pod == pod.pod));
    let start = start.or_else(|| inventory.images.iter().position(|image| image.pod == pod.pod));
    let Some(start) = start.filter(|_| has_list) else {
        blur(pod, why(patch));
        return false;
    };
    match (place.map(|(_, index)| index), operation.op.as_str()) {
        (Some("-"), "add") => {}
        (Some(index), "add") if !index.starts_with('-') => pod.is_reordered = true,
        (Some(index), "replace") if !index.starts_with('-') && !pod.is_reordered => {
            let is_replaced = |own: &str| own.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
            pod.items.retain(|item| own(item).is_none_or(|own| !is_replaced(&own)));
        }
        (None, _) => {
            pod.items.retain(|item| own(item).is_none_or(|own| list_of(&own) != Some(list)));
        }
        _ => {
            blur(pod, why(patch));
            return false;
        }
    }
    for image in &operation.added {
        let set = Set { value: image.text.value.clone(), span: image.text.span, path: format!("{}.patch", patch.path) };
        let added = Some((image.container.clone(), image.path.clone()));
        pod.items.push(Item { image: start, added, set: vec![set], unknown: None });
    }
    true
}

/// A service account as a patch leaves it: besides the one that is patched, as not every build may patch it.
pub(super) struct PatchedAccount {
    account: ServiceAccount,
    name: ResourceName,
    span: Span,
}

impl PatchedAccount {
    pub(super) fn add_to(self, inventory: &mut Inventory) {
        let resource = ResourceId(inventory.resources.len() as u32);
        inventory.resources.push(Resource { name: self.name, span: self.span, template: None });
        inventory.service_accounts.push(ServiceAccount { resource, ..self.account });
    }
}

/// Service accounts whose pull secrets a patch within a kustomization, or one of JSON 6902, changes.
pub(super) fn accounts(builder: &Builder<'_>, builds: &[Build<'_>]) -> Vec<PatchedAccount> {
    let mut patched = Vec::new();
    for (own, build) in builder.kustomizations.iter().zip(builds) {
        for patch in builder.patches(own) {
            let changes: &[Change] = match &patch.body {
                Body::Inline(changes) => changes,
                Body::File(file) => builder
                    .files
                    .get(&member_path(&own.folder, file))
                    .and_then(|source| builder.patch_files.get(source))
                    .map_or(&[], Vec::as_slice),
                Body::Unknown | Body::Refused(_) => &[],
            };
            for change in changes {
                let Some(secrets) = account_secrets(change, patch, matches!(patch.body, Body::Inline(_))) else {
                    continue;
                };
                for account in &builder.inventory.service_accounts {
                    let resource = builder.inventory.resource(account.resource);
                    let of_build = own.is_component || build.sources.contains(&resource.span.source);
                    if of_build && account_fits(patch, change, &resource.name) {
                        let pull_secrets = secrets.iter().chain(&account.pull_secrets).cloned().collect();
                        patched.push(PatchedAccount {
                            account: ServiceAccount { pull_secrets, ..account.clone() },
                            name: resource.name.clone(),
                            span: patch.span,
                        });
                    }
                }
            }
        }
    }
    patched
}

fn account_secrets(change: &Change, patch: &Patch, is_inline: bool) -> Option<Vec<SecretReference>> {
    match change {
        // One in a file of its own that names what it patches was read as what it is.
        Change::Merge(merge) if merge.name.kind == "ServiceAccount" && (is_inline || patch.target.is_some()) => {
            merge.pods.first().and_then(|pod| pod.pull_secrets.clone())
        }
        Change::Merge(_) => None,
        Change::Operations(operations) => {
            let mut of_secrets = operations.iter().filter(|it| it.path.starts_with("imagePullSecrets")).peekable();
            of_secrets.peek()?;
            let unknown = || vec![SecretReference { name: "${PATCHED}".to_owned(), span: patch.span }];
            Some(of_secrets.flat_map(|it| it.pull_secrets.clone().unwrap_or_else(unknown)).collect())
        }
    }
}

fn account_fits(patch: &Patch, change: &Change, account: &ResourceName) -> bool {
    let names: Vec<String> = account.name.iter().cloned().collect();
    match (&patch.target, change) {
        (Some(target), _) => target.fits(account, &names, std::slice::from_ref(&account.namespace)) != Some(false),
        (None, Change::Merge(merge)) => merge.name.name == account.name,
        (None, Change::Operations(_)) => false,
    }
}
