use super::{FluxMerge, ImageEntry, ImageOverride, OverrideError, merge_images, parse, set_images};

/// Rows of the real command: the entries before, the overrides, the entries after. An entry is its name, and its
/// fields with `=`, `:`, `+` and `@` before them.
const SET_IMAGE: &str = include_str!("set_image.txt");

fn entries(text: &str) -> Vec<ImageOverride> {
    let entry = |text: &str| {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        let mut image = ImageEntry { name, new_name: None, new_tag: None, tag_suffix: None, digest: None };
        for word in words {
            let (mark, value) = word.split_at(1);
            let field = match mark {
                "=" => &mut image.new_name,
                ":" => &mut image.new_tag,
                "+" => &mut image.tag_suffix,
                "@" => &mut image.digest,
                _ => panic!("{text}"),
            };
            *field = Some(value.to_owned());
        }
        image
    };
    if text.is_empty() { Vec::new() } else { text.split(", ").map(entry).collect() }
}

fn shown(images: &[ImageOverride]) -> String {
    let entry = |image: &ImageOverride| {
        let marks = [('=', &image.new_name), (':', &image.new_tag), ('+', &image.tag_suffix), ('@', &image.digest)];
        let fields = marks.iter().filter_map(|(mark, field)| Some(format!(" {mark}{}", field.as_ref()?)));
        format!("{}{}", image.name, fields.collect::<String>())
    };
    images.iter().map(entry).collect::<Vec<_>>().join(", ")
}

#[test]
fn overrides_change_the_list_as_kustomize_edit_does() {
    let mut wrong = Vec::new();
    for row in SET_IMAGE.lines().filter(|row| !row.starts_with("# ")) {
        let [before, overrides, after] = row.split('\t').collect::<Vec<_>>().try_into().expect("three cells");
        let actual = match overrides.split(' ').map(parse).collect::<Result<Vec<_>, _>>() {
            Ok(parsed) => format!("={}", shown(&set_images(&entries(before), &parsed))),
            Err(error) => {
                assert_eq!(error, OverrideError::Format, "{row}");
                "!".to_owned()
            }
        };
        if actual != after {
            wrong.push(format!("{before:?} {overrides:?}: {actual:?} instead of {after:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn override_that_begins_with_a_dash_is_a_flag() {
    for text in ["-x", "--help", "--", "-app:1", "--stack-trace"] {
        assert_eq!(parse(text), Err(OverrideError::Flag), "{text}");
    }
    assert_eq!(parse("-"), Err(OverrideError::Format));
}

#[test]
fn fields_keep_what_the_caller_knows_about_their_place() {
    #[derive(Debug, Clone, PartialEq)]
    struct Placed(String, u32);
    impl AsRef<str> for Placed {
        fn as_ref(&self) -> &str {
            &self.0
        }
    }
    let placed = |image: ImageOverride, line: u32| image.map(move |text| Placed(text, line));
    let existing = entries("app =old :x").into_iter().map(|image| placed(image, 1)).collect::<Vec<_>>();
    let set = set_images(&existing, &[placed(parse("app=*:2").expect("an override"), 9)]);
    assert_eq!(set[0].new_name, Some(Placed("old".to_owned(), 1)));
    assert_eq!(set[0].new_tag, Some(Placed("2".to_owned(), 9)));
}

#[test]
fn images_of_a_flux_kustomization_are_merged_by_version() {
    for (existing, spec, fields, entry) in [
        ("", "app :1", "app :1", "app :1"),
        ("app :1", "app =new", "app =new :1", "app =new"),
        ("app =old :1", "app :2", "app =old :2", "app :2"),
        ("app =old @sha256:ab", "app :2", "app =old :2", "app :2"),
        ("app :1", "app @sha256:ab", "app @sha256:ab", "app @sha256:ab"),
        ("app :1 @sha256:ab", "app :2 @sha256:cd", "app :2 @sha256:cd", "app :2 @sha256:cd"),
        ("app :1", "app", "app :1", "app"),
        ("app +-s", "app :1", "app :1 +-s", "app :1"),
        ("app +-s", "app +-t", "app +-s", "app"),
        ("web :1, app :1", "app :2, api :3", "web :1, app :2, api :3", "web :1, app :2, api :3"),
        ("app :1, app :2", "app :3", "app :3, app :2", "app :3, app :2"),
        ("", "app :1, app =new", "app =new :1", "app =new"),
        ("app|web :1", "app :2", "app|web :1, app :2", "app|web :1, app :2"),
    ] {
        for (merge, expected) in [(FluxMerge::Fields, fields), (FluxMerge::Entry, entry)] {
            let merged = merge_images(&entries(existing), &entries(spec), merge);
            assert_eq!(shown(&merged), expected, "{existing} and {spec}, {merge:?}");
        }
    }
}
