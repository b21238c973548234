//! The pictures of a finding, made from what the demo prints in color.

use anstyle_svg::{Palette, Term};
use pullcheck::output::Style;

use super::{demo_output, generated_from, shop};

type Rgb = (u8, u8, u8);

/// A terminal's colors: text, background, and the 16 of ANSI.
struct Theme {
    name: &'static str,
    text: Rgb,
    background: Rgb,
    colors: [Rgb; 16],
}

/// Those of GitHub's light and dark themes, on whose pages the pictures are shown.
const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        text: (31, 35, 40),
        background: (246, 248, 250),
        colors: [
            (36, 41, 47),
            (207, 34, 46),
            (17, 99, 41),
            (125, 78, 0),
            (9, 105, 218),
            (130, 80, 223),
            (27, 124, 131),
            (110, 119, 129),
            (87, 96, 106),
            (164, 14, 38),
            (26, 127, 55),
            (99, 60, 1),
            (33, 139, 255),
            (164, 117, 249),
            (49, 146, 170),
            (140, 149, 159),
        ],
    },
    Theme {
        name: "dark",
        text: (230, 237, 243),
        background: (22, 27, 34),
        colors: [
            (72, 79, 88),
            (255, 123, 114),
            (63, 185, 80),
            (210, 153, 34),
            (88, 166, 255),
            (188, 140, 255),
            (57, 197, 207),
            (177, 186, 196),
            (110, 118, 129),
            (255, 161, 152),
            (86, 211, 100),
            (227, 179, 65),
            (121, 192, 255),
            (210, 168, 255),
            (86, 212, 221),
            (255, 255, 255),
        ],
    },
];

/// Columns: as wide as GitHub shows the README without making the picture smaller.
const WIDTH: usize = 92;

#[test]
fn pictures_match_what_the_demo_prints() {
    let style = Style { color: true, unicode: true, width: Some(WIDTH), ..Style::default() };
    let output = demo_output(&["image-not-found"], &style).expect("the demo's pipeline runs");
    assert!(output.contains("\u{1b}["), "there are no colors");
    let screen = format!("$ pullcheck {}\n\n{}", shop::FOLDER, output.trim_end());
    for Theme { name, text, background, colors } in THEMES {
        let palette = Palette(colors.map(Into::into));
        let term = Term::new().fg_color(text.into()).bg_color(background.into()).palette(palette);
        let picture = term.render_svg(&screen);
        generated_from(&format!("docs/src/images/finding-{name}.svg"), |_| picture);
    }
}
