//! Pull secrets in a kind's own field that have another form than the kind defines.

use crate::resource::Object;
use crate::resource::workload::ResourceId;
use crate::resource::workload::custom::kind::PodFields;
use crate::resource::workload::custom::path::{Field, PathField};
use crate::resource::workload::misplaced::{MisplacedPullSecrets, Misplacement, SecretsForm};
use crate::resource::workload::path::join;
use crate::resource::workload::value::is_to_be_written;
use crate::text::yaml::Node;

/// Checks the fields of an object, or of a part of it.
pub(super) fn check(
    object: &Object<'_>,
    resource: ResourceId,
    root: &Field<'_>,
    fields: &PodFields,
    found: &mut Vec<MisplacedPullSecrets>,
) {
    let right = fields.pull_secrets.first().map(|path| path.path.holder());
    let (right, form) = right.map_or((String::new(), SecretsForm::Objects), |(path, form)| (path.to_string(), form));
    for field in fields.no_pull_secrets.iter().flat_map(|path| path.path.fields(root)) {
        let named = field.value.items().filter_map(|item| item.as_str().or_else(|| item.str("name")));
        found.push(MisplacedPullSecrets {
            resource,
            span: field.key.span(),
            fault: Misplacement::OtherField(form),
            path: join(&object.path, &field.path),
            right_path: join(&object.path, &join(&root.path, &right)),
            names: named.map(str::to_owned).collect(),
        });
    }
    let mut push = |field: Field<'_>, form: SecretsForm| {
        let path = join(&object.path, &field.path);
        let known = |secrets: &MisplacedPullSecrets| secrets.resource == resource && secrets.span == field.key.span();
        if !fits(field.value, form) && !found.iter().any(known) {
            let names = field.value.items().filter_map(|item| item.as_str().or_else(|| item.str("name")));
            let single = field.value.as_str().or_else(|| field.value.str("name")).into_iter();
            found.push(MisplacedPullSecrets {
                resource,
                span: field.key.span(),
                fault: Misplacement::OtherForm(form),
                right_path: path.clone(),
                path,
                names: single.chain(names).map(str::to_owned).collect(),
            });
        }
    };
    // Shared fields exist whether or not there is a part.
    for path in fields.pull_secrets.iter().filter(|path| path.is_shared) {
        let (holder, form) = path.path.of_part(root.value).holder();
        holder.fields(root).into_iter().for_each(|field| push(field, form));
    }
    for each in fields.each.iter().flat_map(|path| path.fields(root)) {
        for path in fields.pull_secrets.iter().chain(&fields.own_pull_secrets) {
            let (holder, form) = path.path.of_part(each.value).holder();
            let from = if path.is_shared { root } else { &each };
            holder.fields(from).into_iter().for_each(|field| push(field, form));
        }
        let specs = fields.pod_spec.iter().flat_map(|path| path.fields(&each));
        let lists = specs.flat_map(|spec| PathField::key("imagePullSecrets").fields(&spec));
        lists.for_each(|field| push(field, SecretsForm::Objects));
    }
}

/// Whether a value has the form, as far as is known.
fn fits(value: Node<'_>, form: SecretsForm) -> bool {
    if value.is_null() || is_to_be_written(value) {
        return true;
    }
    let is_name = |item: Node<'_>| item.is_null() || is_to_be_written(item) || item.as_str().is_some();
    match form {
        SecretsForm::Objects => {
            let is_object = |item: Node<'_>| item.is_null() || is_to_be_written(item) || item.is_mapping();
            value.is_sequence() && value.items().all(is_object)
        }
        SecretsForm::Names => value.is_sequence() && value.items().all(is_name),
        SecretsForm::Name => is_name(value),
    }
}
