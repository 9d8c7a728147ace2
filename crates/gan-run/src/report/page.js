"use strict";

// Leads through pictures of samples: by the slider, its buttons, and the keys that a slider has.
function leadThroughPictures(figure) {
  const pictures = [...figure.querySelectorAll("li")];
  const controls = figure.querySelector(".controls");
  const slider = controls.querySelector("input");
  const show = (at) => {
    slider.value = at;
    pictures.forEach((picture, index) => picture.classList.toggle("current", index === at));
    figure.querySelector("output").textContent = pictures[at].dataset.step;
  };
  slider.addEventListener("input", () => show(Number(slider.value)));
  for (const button of controls.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      const at = Number(slider.value) + Number(button.dataset.move);
      show(Math.min(Math.max(at, 0), pictures.length - 1));
    });
  }
  controls.hidden = pictures.length < 2;
}

// The step of the picture that is shown, unless it is the last, which is followed.
function chosenStep(section) {
  const current = section.querySelector(".frames li.current");
  return current && current.nextElementSibling ? current.dataset.step : null;
}

function chooseStep(section, step) {
  const pictures = [...section.querySelectorAll(".frames li")];
  const at = pictures.findIndex((picture) => picture.dataset.step === step);
  const slider = section.querySelector(".frames input");
  if (at >= 0) {
    slider.value = at;
    slider.dispatchEvent(new Event("input"));
  }
}

function prepare(part) {
  part.querySelectorAll(".frames").forEach(leadThroughPictures);
}

// An address that ends with #step-100 is one of the picture after step 100.
function chooseStepOfAddress() {
  const step = /^#step-(\d+)$/.exec(location.hash)?.[1];
  const section = document.getElementById("samples");
  if (step && section?.querySelector(".frames")) chooseStep(section, String(Number(step)));
}

// Puts the sections of a newer page in the place of those that have changed; what the reader has
// chosen stays.
function update(main, sections, text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const parts = (page) => [...page.querySelectorAll("main > section")];
  const ids = (page) => parts(page).map((section) => section.id).join();
  document.title = page.title;
  document.querySelector("h1").replaceWith(page.querySelector("h1"));
  if (ids(page) !== ids(document)) {
    // As when the first run appears where none was.
    main.replaceChildren(...page.querySelector("main").childNodes);
    sections.clear();
    prepare(main);
  }
  for (const section of parts(page)) {
    const old = document.getElementById(section.id);
    if (sections.get(section.id) === section.innerHTML) continue;
    sections.set(section.id, section.innerHTML);
    const step = chosenStep(old);
    const open = [...old.querySelectorAll("details[open]")].map((details) => details.id);
    const ticked = [...old.querySelectorAll("input:checked")].map((box) => box.id);
    const scrolled = [...old.querySelectorAll(".wide, .chart")].map((box) => box.scrollLeft);
    old.replaceChildren(...section.childNodes);
    prepare(old);
    if (step !== null) chooseStep(old, step);
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    ticked.forEach((id) => {
      const box = document.getElementById(id);
      if (box) box.checked = true;
    });
    old.querySelectorAll(".wide, .chart").forEach((box, at) => {
      box.scrollLeft = scrolled[at] ?? 0;
    });
  }
  main.dataset.updates = Number(main.dataset.updates ?? 0) + 1;
}

function follow(main) {
  const lost = document.getElementById("lost");
  const silent = lost.textContent;
  const sections = new Map();
  let tag = "";
  const look = async () => {
    try {
      const answer = await fetch(location.href, { cache: "no-store", headers: { "If-None-Match": tag } });
      lost.hidden = answer.status !== 404;
      lost.textContent = "This run is not there any more; this is what it was last.";
      if (answer.status === 200) {
        tag = answer.headers.get("ETag") ?? "";
        update(main, sections, await answer.text());
      }
    } catch {
      lost.textContent = silent;
      lost.hidden = false;
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
}

prepare(document);
chooseStepOfAddress();
window.addEventListener("hashchange", chooseStepOfAddress);
const main = document.querySelector("main[data-live]");
if (main) follow(main);
