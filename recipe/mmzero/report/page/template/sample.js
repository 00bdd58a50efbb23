// One sample in the dialog: pictures, texts, votes, reward, code.

const dialog = byId("sample");
let current = -1; // place in `samples`
let opener = null;
let listed = []; // places in the order that the gallery shows

function titled(title, ...children) {
  return make("section", null, make("h3", null, title), ...children);
}

function fold(title, note, content) {
  return make("details.fold", null, make("summary", null, title + " ", make("small", null, note)), content);
}

function lines(text) {
  const count = text.split("\n").length;
  return `${text.length.toLocaleString("en")} characters, ${count} ${count === 1 ? "line" : "lines"}`;
}

/** Answers counted by their text; the grader may merge spellings that differ. */
function voteList(votes, title) {
  if (!votes || !votes.length) return null;
  const counts = new Map();
  for (const vote of votes) {
    const key = vote === null ? null : vote.trim().toLowerCase();
    const entry = counts.get(key) || { shown: vote === null ? "no answer" : vote.trim(), count: 0, silent: vote === null };
    entry.count += 1;
    counts.set(key, entry);
  }
  const order = [...counts.values()].sort((a, b) => a.silent - b.silent || b.count - a.count);
  const list = make("ul.votes", { "aria-label": title });
  order.slice(0, 12).forEach((entry, k) => {
    const track = make("i");
    track.style.width = (100 * entry.count) / votes.length + "%";
    const kind = entry.silent ? "li.silent" : k === 0 ? "li.most" : "li";
    list.append(
      make(kind, null, make("span", { title: entry.shown }, entry.shown), make("div.track", null, track),
        make("em", null, `${entry.count}/${votes.length}`)),
    );
  });
  return list;
}

function question(title, text, answer, drawings, key) {
  if (!text) return null;
  const box = titled(title, make("p.body-text", null, text));
  if (answer) box.append(make("p.answer", null, "Proposer's answer: ", make("b", null, answer)));
  drawings.forEach((drawing, k) => {
    const list = voteList(drawing[key], `answers to the ${title.toLowerCase()}`);
    if (list && drawings.length > 1) box.append(make("h3", null, `Solver on drawing ${k + 1}`));
    if (list) box.append(list);
  });
  return box;
}

function drawingBox(drawing, number, many, sample) {
  const alternative = `drawing ${number}: ${sample.caption || sample.id}`;
  const shown = picture(drawing.picture, alternative);
  const box = make("div.drawing");
  const why = drawing.picture >= 0 ? "picture left out" : drawing.status === "ok" ? "picture not stored" : words(drawing.status || "not drawn");
  box.append(shown ? make("div.picture", null, shown) : make("div.picture.none", null, why));
  const state = make(drawing.status === "ok" ? "span.chip.good" : "span.chip.bad", null, words(drawing.status || "unknown"));
  box.append(make("div.line", null, make("span", null, many ? `drawing ${number}` : ""), state));
  if (drawing.code) box.append(fold("Code", lines(drawing.code), highlighted(drawing.code, drawing.language)));
  if (drawing.texts.length) box.append(fold("Texts in the picture", String(drawing.texts.length), make("pre", null, drawing.texts.join("\n"))));
  return box;
}

function rewardBox(sample, detail) {
  const box = titled("Reward");
  if (sample.score === null) box.append(make("p.answer", null, "collected, not scored"));
  else box.append(make("p.score", null, signed(sample.score)));
  const bar = rewardBar(sample, true);
  if (bar) {
    const list = make("dl.parts");
    for (const [name, value] of sample.parts) {
      const patch = make("i");
      patch.style.background = COLORS[name] || "#8c8c8c";
      list.append(patch, make("dt", null, name + (MEANING[name] ? ` (${MEANING[name]})` : "")), make("dd", null, signed(value)));
    }
    box.append(bar, list);
  }
  const names = Object.keys(detail.terms);
  if (names.length) {
    const list = make("ul.terms");
    for (const name of names) list.append(make("li", null, make("span", null, name), make("span", null, String(detail.terms[name]))));
    box.append(fold("All terms", String(names.length), list));
  }
  return box;
}

function siblings(sample) {
  const group = samples.filter((other) => other.group === sample.group);
  if (group.length < 2) return null;
  const row = make("div.siblings");
  for (const other of group.sort((a, b) => (b.score ?? -9) - (a.score ?? -9))) {
    const label = other.score === null ? words(other.outcome) : signed(other.score);
    const button = make("button", { type: "button", "aria-current": other === sample && "true" }, label);
    button.addEventListener("click", () => show(other.place));
    row.append(button);
  }
  return titled(`Roll-outs of the same prompt (standard deviation ${sample.spread.toFixed(2)})`, row);
}

async function show(place) {
  const sample = samples[place];
  current = place;
  const role = data.titles[sample.role] || sample.role;
  byId("sample-title").replaceChildren(
    make("b.is-" + sample.role, null, role), ` iteration ${sample.it}, ${sample.step ? "step " + sample.step : "row 0"} `,
    make("small", null, sample.id),
  );
  const body = byId("sample-body");
  let detail;
  try {
    detail = await detailsOf(place);
  } catch {
    body.replaceChildren(make("p.empty", null, "This browser cannot open the details (needs DecompressionStream, 2023 or later)."));
    if (!dialog.open) dialog.showModal();
    return;
  }
  if (current !== place) return;
  const proposal = detail.proposal;
  const chips = make("div.chips", null, ...chipsOf(sample));
  const left = make("div", null, ...detail.drawings.map((drawing, k) => drawingBox(drawing, k + 1, detail.drawings.length > 1, sample)));
  if (!detail.drawings.length) left.append(make("div.picture.none", null, "no drawing: " + words(sample.outcome)));
  const right = make("div", null,
    make("section", null, chips),
    detail.failure ? titled("What went wrong", make("p.body-text", null, detail.failure)) : null,
    rewardBox(sample, detail),
    proposal.caption ? titled("Caption", make("p.body-text", null, proposal.caption)) : null,
    question("Easy question", proposal.easy_question, proposal.easy_answer, detail.drawings, "easy"),
    question("Hard question", proposal.hard_question, proposal.hard_answer, detail.drawings, "hard"),
    detail.blind.length ? titled("Answers without the picture", voteList(detail.blind, "answers without the picture")) : null,
    detail.text.length ? titled("Answers to the hard question from the caption", voteList(detail.text, "answers from the caption")) : null,
    detail.basis ? titled(sample.outcome === "kept" ? "Why this row was kept" : "Not kept: " + words(sample.outcome), make("p.body-text", null, detail.basis)) : null,
    detail.label !== null || detail.answer !== null
      ? titled("Label", make("p.answer", null, "silver label ", make("b", null, detail.label ?? "none")),
          sample.role === "solver" ? make("p.answer", null, "this answer ", make("b", null, detail.answer ?? "no answer")) : null)
      : null,
    siblings(sample),
  );
  const texts = make("div.wide", null,
    detail.prompt ? fold(sample.step && sample.role.startsWith("collect") ? "Topic" : "Prompt", lines(detail.prompt), make("pre", { tabindex: "0" }, detail.prompt)) : null,
    detail.response ? fold("Response", lines(detail.response), highlighted(detail.response, "svg")) : null,
  );
  body.replaceChildren(left, right, texts);
  body.scrollTop = 0;
  const here = listed.indexOf(place);
  byId("previous").disabled = here <= 0;
  byId("next").disabled = here < 0 || here >= listed.length - 1;
  if (!dialog.open) dialog.showModal();
}

function turn(by) {
  const here = listed.indexOf(current);
  const there = listed[here + by];
  if (here >= 0 && there !== undefined) show(there);
}

byId("previous").addEventListener("click", () => turn(-1));
byId("next").addEventListener("click", () => turn(1));
byId("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea, pre")) return;
  if (event.key === "ArrowLeft") turn(-1);
  if (event.key === "ArrowRight") turn(1);
});
dialog.addEventListener("close", () => {
  current = -1;
  if (opener && opener.isConnected) opener.focus();
});
