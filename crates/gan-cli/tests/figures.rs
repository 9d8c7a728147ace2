//! The paper's figures with the real program.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use common::Folder;

/// A game of Figure 1 that takes a second.
const SHORT: &str = "--steps 60 --set data.count=2000 --set game.minibatch=16";

/// A run of small images.
const IMAGES: &str = r#"
extends = "digits"
[data]
count = 300
[run]
steps = 3
[game]
minibatch = 8
[generator]
layers = [{ units = 6, activation = "relu" }, { activation = "sigmoid" }]
[discriminator]
layers = [{ units = 3, pieces = 2, activation = "maxout" }, { activation = "sigmoid" }]
"#;

fn place_with_images() -> Folder {
    let folder = Folder::new();
    folder.write("images.toml", IMAGES);
    folder.run("train images.toml --out runs/images-1").exits(0);
    folder
}

/// Width, height and number of frames of a PNG file.
fn png_size(bytes: &[u8]) -> [u32; 3] {
    let info = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .unwrap();
    let info = info.info();
    let frames = info
        .animation_control
        .map_or(1, |control| control.num_frames);
    [info.width, info.height, frames]
}

#[test]
fn figure_1_plays_its_stages_and_says_whether_the_bounds_hold() {
    let folder = Folder::new();
    let said = folder.run(&format!("figure 1 {SHORT}")).exits(0).stdout();
    for part in [
        "(a)  iteration",
        "D moves alone",
        "(d)  iteration     60  both move",
        "the bound 0.01 does not hold",
        "figure1.png: figure 1",
    ] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    let [width, height, frames] = png_size(&folder.bytes("figure1.png"));
    assert!(width > 1500 && height > 700 && frames == 1);
    assert!(!folder.has("runs"));

    // The same game in the other form.
    let again = folder
        .run(&format!("figure 1 {SHORT} --threads 2 --out f.svg"))
        .exits(0)
        .stdout();
    let numbers = |said: &str| said.lines().take(6).collect::<Vec<_>>().join("\n");
    assert_eq!(numbers(&again), numbers(&said));
    let svg = folder.read("f.svg");
    assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"));
    for part in ["(a)", "(b)", "(c)", "(d)", "−log 4", ">data<"] {
        assert!(svg.contains(part), "{part}");
    }
}

#[test]
fn figure_1_in_motion_is_an_animated_png() {
    let folder = Folder::new();
    folder.run(&format!("figure 1 --animate {SHORT}")).exits(0);
    let bytes = folder.bytes("figure1-animated.png");
    let [.., frames] = png_size(&bytes);
    assert!((40..=150).contains(&frames), "{frames}");
    assert!(bytes.len() < 3_000_000, "{}", bytes.len());
    folder
        .run("figure 1 --animate --out a.svg")
        .exits(2)
        .complains(&["a.svg", "expected png"]);
}

#[test]
fn figure_1_refuses_what_has_no_such_picture() {
    let folder = Folder::new();
    for (set, found) in [
        ("data.source=ring8", "found ring8, expected figure1"),
        ("generator.latent=2", "generator.latent: found 2"),
        ("generator.prior=normal", "expected uniform"),
    ] {
        folder
            .run(&format!("figure 1 {SHORT} --set {set}"))
            .exits(2)
            .complains(&[found]);
    }
    folder.run("figure 4").exits(2);
    folder.run("figure 1 some-run").exits(2);
}

#[test]
fn figure_2_sets_the_nearest_training_records_apart() {
    let folder = place_with_images();
    let ran = folder.run("figure 2 --rows 3 --cols 4").exits(0);
    assert!(!ran.stderr().contains("warning"), "{}", ran.stderr());
    let said = ran.stdout();
    assert!(said.contains("nearest of 240 training records"), "{said}");
    let [width, height, _] = png_size(&folder.bytes("figure2.png"));
    // Five images of 28 pixels, twice as large; three rows.
    assert!(width >= 5 * 56 && height >= 3 * 56);
    folder
        .run("figure 2 images-1 --rows 2 --cols 1 --out f.svg")
        .exits(0);
    assert_eq!(folder.read("f.svg").matches("<image ").count(), 4);

    // A lone checkpoint, whose data are named.
    let other = folder.read("runs/images-1/config.toml");
    folder.write("other.toml", &other.replace("seed = 1", "seed = 2"));
    folder.run("train other.toml --out runs/other").exits(0);
    folder
        .run("figure 2 runs/other/checkpoints/step-000003.safetensors --data digits --rows 1")
        .exits(0);
}

#[test]
fn figure_2_needs_the_training_records() {
    let folder = place_with_images();
    folder
        .run("figure 2 --data nowhere.npy")
        .exits(1)
        .complains(&[
            "nowhere.npy: no such file or directory",
            "hint: give a path",
        ]);
    folder.run("figure 2 --data figure1").exits(1).complains(&[
        "built-in figure1",
        "found records of 1 columns, expected images of 1×28×28",
        "hint: name the data that the generator was trained on with --data PATH",
    ]);
}

#[test]
fn figure_3_goes_from_latent_to_latent() {
    let folder = place_with_images();
    folder
        .run("figure 3 --rows 2 --cols 5 --out line.svg")
        .exits(0);
    folder
        .run("figure 3 --rows 2 --cols 5 --spherical --out arc.svg")
        .exits(0);
    let images = |name: &str| -> Vec<String> {
        let svg = folder.read(name);
        let images = svg.lines().filter_map(|line| line.split_once("base64,"));
        images.map(|(_, image)| image.to_owned()).collect()
    };
    let (line, arc) = (images("line.svg"), images("arc.svg"));
    assert_eq!([line.len(), arc.len()], [10, 10]);
    // The ends are samples, whatever is between them.
    for end in [0, 4, 5, 9] {
        assert_eq!(line[end], arc[end], "{end}");
    }
    assert_ne!(line[2], arc[2]);
    assert_ne!(line[0], line[4]);
    folder.run("figure 3 --rows 2").exits(0);
    assert!(folder.has("figure3.png"));
}

#[test]
fn figures_say_what_they_cannot_draw() {
    let folder = Folder::new();
    folder
        .run("figure 1 --out f.jpg")
        .exits(2)
        .complains(&["f.jpg: found extension \"jpg\", expected png or svg"]);
    folder
        .run("figure 2")
        .exits(2)
        .complains(&["runs/: found no run of images", "gan-cli train digits"]);
    folder
        .run("figure 3 runs/none")
        .exits(1)
        .complains(&["runs/none"]);
    folder.run("train tiny.toml --steps 1").exits(0);
    for figure in ["figure 2", "figure 3"] {
        folder
            .run(&format!("{figure} runs/tiny-1"))
            .exits(2)
            .complains(&["found records of numbers, expected images", "hint: "]);
        // The newest run is passed over, and there is no other.
        folder.run(figure).exits(2).complains(&["no run of images"]);
    }
}
