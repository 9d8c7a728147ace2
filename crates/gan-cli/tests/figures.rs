//! The paper's figures with the real program.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use common::{Folder, assert_contains};

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
    let ran = folder.run(&format!("figure 1 {SHORT}"));
    let ran = ran.exits(0).says(&[
        "(a)  iteration",
        "D moves alone",
        "(d)  iteration     60  both move",
        "the bound 0.01 does not hold",
        "figure1.png: figure 1",
    ]);
    let [width, height, frames] = png_size(&folder.bytes("figure1.png"));
    assert!(width > 1500 && height > 700 && frames == 1);
    assert!(!folder.has("runs"));

    // The same game in the other form.
    let again = folder.run(&format!("figure 1 {SHORT} --threads 2 --out f.svg"));
    let [said, again] = [ran, again.exits(0)].map(|ran| ran.stdout());
    assert!(again.lines().take(6).eq(said.lines().take(6)));
    let svg = folder.read("f.svg");
    assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"));
    assert_contains(&svg, &["(a)", "(b)", "(c)", "(d)", "−log 4", ">data<"]);
}

#[test]
fn figure_1_in_motion_is_an_animated_png() {
    let folder = Folder::new();
    folder.run(&format!("figure 1 --animate {SHORT}")).exits(0);
    let bytes = folder.bytes("figure1-animated.png");
    let [width, height, frames] = png_size(&bytes);
    assert_eq!([width, height], [1280, 720]);
    assert!((40..=150).contains(&frames), "{frames}");
    assert!(bytes.len() < 3_000_000, "{}", bytes.len());
    folder.check("2 figure 1 --animate --out a.svg | a.svg | expected png or gif");
}

#[test]
fn samples_of_a_run_in_motion_are_its_pictures() {
    let folder = Folder::new();
    folder.check(
        "
        2 figure samples | runs/ | found no run | hint: train one
        0 train ring8 --steps 6 --set run.sample_every=2 --out runs/ring
        0 figure samples
        0 figure samples ring --out s.png --frames 2
        2 figure samples ring --out s.svg | expected png or gif
        0 train ring8 --steps 2 --set run.sample_every=0 --out runs/still
        2 figure samples still | found 1 pictures | run.sample_every
        2 figure samples nowhere | nowhere: found no such folder
        ",
    );
    let [width, height, frames] = png_size(&folder.bytes("s.png"));
    assert!(width == 640 && height > 600 && frames == 2);
    assert!(folder.bytes("samples.gif").starts_with(b"GIF89a"));

    // One that is no picture is named.
    let names = folder.list("runs/ring/samples");
    let last = names.split(' ').next_back().unwrap();
    folder.write(&format!("runs/ring/samples/{last}"), "none");
    folder.check("1 figure samples ring | samples/step-00000");
}

#[test]
fn figure_1_refuses_what_has_no_such_picture() {
    Folder::new().check(
        "
        2 figure 1 --set data.source=ring8 | found ring8, expected figure1
        2 figure 1 --set generator.latent=2 | generator.latent: found 2
        2 figure 1 --set generator.prior=normal | expected uniform
        2 figure 4
        2 figure 1 some-run
        ",
    );
}

#[test]
fn figure_2_sets_the_nearest_training_records_apart() {
    let folder = place_with_images();
    let ran = folder.run("figure 2 --rows 3 --cols 4").exits(0);
    assert!(!ran.stderr().contains("warning"), "{}", ran.stderr());
    ran.says(&["nearest of 240 training records"]);
    let [width, height, _] = png_size(&folder.bytes("figure2.png"));
    // Five images of 28 pixels, twice as large; three rows.
    assert!(width >= 5 * 56 && height >= 3 * 56);
    // A lone checkpoint, whose data are named.
    let other = folder.read("runs/images-1/config.toml");
    folder.write("other.toml", &other.replace("seed = 1", "seed = 2"));
    folder.check(
        "
        0 figure 2 images-1 --rows 2 --cols 1 --out f.svg
        0 train other.toml --out runs/other
        0 figure 2 runs/other/checkpoints/step-000003.safetensors --data digits --rows 1
        ",
    );
    assert_eq!(folder.read("f.svg").matches("<image ").count(), 4);
}

#[test]
fn figure_2_needs_the_training_records() {
    place_with_images().check(
        "
        1 figure 2 --data nowhere.npy
            | nowhere.npy: no such file or directory | hint: give a path
        1 figure 2 --data figure1
            | built-in figure1 | found records of 1 columns, expected images of 1×28×28
            | hint: name the data that the generator was trained on with --data PATH
        ",
    );
}

#[test]
fn figure_3_goes_from_latent_to_latent() {
    let folder = place_with_images();
    folder.check(
        "
        0 figure 3 --rows 2
        0 figure 3 --rows 2 --cols 5 --out line.svg
        0 figure 3 --rows 2 --cols 5 --spherical --out arc.svg
        ",
    );
    assert!(folder.has("figure3.png"));
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
}

#[test]
fn figures_say_what_they_cannot_draw() {
    // Where the newest run is not of images it is passed over, and there is no other.
    Folder::new().check(
        "
        2 figure 1 --out f.jpg | f.jpg: found extension \"jpg\", expected png or svg
        2 figure 2 | runs/: found no run of images | gan-cli train digits
        1 figure 3 runs/none | runs/none
        0 train tiny.toml --steps 1
        2 figure 2 runs/tiny-1 | found records of numbers, expected images | hint:
        2 figure 3 runs/tiny-1 | found records of numbers, expected images | hint:
        2 figure 2 | no run of images
        2 figure 3 | no run of images
        ",
    );
}
