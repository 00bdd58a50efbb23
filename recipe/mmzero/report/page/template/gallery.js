// The grid: filters, sorting, and cards that are made page by page.

const PAGE = 60;
const form = byId("filters");
const cards = byId("cards");
let drawn = 0;

function chipsOf(sample) {
  const good = sample.outcome === "ok" || sample.outcome === "kept";
  const chips = [make(good ? "span.chip.good" : "span.chip.bad", null, words(sample.outcome))];
  if (sample.leak) chips.push(make("span.chip.bad", null, "leak"));
  if (sample.type) chips.push(make("span.chip", null, words(sample.type)));
  if (sample.c !== undefined) chips.push(make("span.chip", { title: "self-consistency of the hard question" }, "c = " + sample.c));
  return chips;
}

function card(sample) {
  const image = picture(sample.pic, sample.caption || "drawing of " + sample.id);
  const why = sample.pic >= 0 ? "picture left out" : sample.outcome === "ok" || sample.outcome === "kept" ? "no picture" : words(sample.outcome);
  const role = data.titles[sample.role] || sample.role;
  const place = sample.role.startsWith("collect") ? "" : `, step ${sample.step}`;
  const button = make("button.card.is-" + sample.role, { type: "button", "data-place": sample.place },
    image ? make("span.shot", null, image) : make("span.shot.none", null, make("span", null, why)),
    make("span.card-text", null,
      make("span.line", null,
        make("span.role", null, role + " ", make("small", null, `it ${sample.it}${place}`)),
        sample.score === null ? null : make("span.score", null, signed(sample.score))),
      make("span.caption", null, sample.caption),
      make("span.chips", null, ...chipsOf(sample)),
      rewardBar(sample, false)));
  button.addEventListener("click", () => {
    opener = button;
    show(sample.place);
  });
  return make("li", null, button);
}

/** The next page of cards; the reader asks for it, so that sections below stay where they are. */
function grow() {
  const next = listed.slice(drawn, drawn + PAGE);
  const batch = document.createDocumentFragment();
  for (const place of next) batch.append(card(samples[place]));
  const first = batch.firstChild;
  cards.append(batch);
  drawn += next.length;
  const left = listed.length - drawn;
  byId("more").hidden = left <= 0;
  byId("more").textContent = `Show ${Math.min(PAGE, left)} more of ${left.toLocaleString("en")}`;
  return first;
}

const ORDERS = {
  telling: null,
  best: (a, b) => (b.score ?? -1e9) - (a.score ?? -1e9),
  worst: (a, b) => (a.score ?? 1e9) - (b.score ?? 1e9),
  spread: (a, b) => b.spread - a.spread || a.group - b.group || (b.score ?? 0) - (a.score ?? 0),
  leak: (a, b) => b.leak - a.leak,
  failure: (a, b) => failed(b) - failed(a),
  newest: (a, b) => b.it - a.it || b.step - a.step,
};

function failed(sample) {
  return sample.outcome === "ok" || sample.outcome === "kept" ? 0 : 1;
}

function update() {
  const wish = Object.fromEntries(new FormData(form));
  const low = wish.low === "" ? -Infinity : Number(wish.low);
  const high = wish.high === "" ? Infinity : Number(wish.high);
  const bounded = wish.low !== "" || wish.high !== "";
  const text = wish.text.trim().toLowerCase();
  const kept = samples.filter((sample) =>
    (!wish.role || sample.role === wish.role) &&
    (!wish.it || String(sample.it) === wish.it) &&
    (!wish.outcome || sample.outcome === wish.outcome || (wish.outcome === "*leak" && sample.leak) || (wish.outcome === "*failed" && failed(sample))) &&
    (!wish.type || sample.type === wish.type) &&
    (!bounded || (sample.score !== null && sample.score >= low && sample.score <= high)) &&
    (!text || sample.caption.toLowerCase().includes(text) || sample.id.toLowerCase().includes(text)));
  const order = ORDERS[wish.sort];
  if (order) kept.sort(order);
  listed = kept.map((sample) => sample.place);
  cards.replaceChildren();
  drawn = 0;
  grow();
  byId("count").textContent = listed.length === 1 ? "1 sample" : `${listed.length.toLocaleString("en")} samples`;
  if (!listed.length) cards.append(make("li.empty", null, samples.length ? "No sample fits these filters." : "No samples were dumped yet."));
}

function options(name, all, extra) {
  const counts = new Map();
  for (const sample of samples) {
    const value = String(sample[name] ?? "");
    if (value) counts.set(value, (counts.get(value) || 0) + 1);
  }
  const select = form.elements[name];
  select.append(make("option", { value: "" }, all));
  for (const [value, label] of extra) select.append(make("option", { value }, label));
  const keys = [...counts.keys()].sort((a, b) => name === "it" ? a - b : counts.get(b) - counts.get(a));
  for (const key of keys) {
    const label = name === "role" ? data.titles[key] || key : words(key);
    select.append(make("option", { value: key }, `${label} (${counts.get(key).toLocaleString("en")})`));
  }
}

options("role", "all roles", []);
options("it", "all iterations", []);
options("outcome", "all outcomes", [["*failed", "any failure"], ["*leak", "leaks"]]);
options("type", "all types", []);
let waiting = 0;
form.addEventListener("input", (event) => {
  clearTimeout(waiting);
  waiting = setTimeout(update, event.target.type === "search" ? 150 : 0);
});
form.addEventListener("reset", () => setTimeout(update, 0));
form.addEventListener("submit", (event) => event.preventDefault());
byId("more").addEventListener("click", () => {
  const first = grow();
  if (first) first.querySelector("button").focus({ preventScroll: true });
});
update();
