// Elements from names and texts. Texts are only ever set as text, so nothing that a model wrote can become markup.

/** make("p.note", {title: "x"}, "text", child, …) */
function make(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

function words(name) {
  return name.replaceAll("_", " ");
}

function signed(value) {
  return (value < 0 ? "−" : "") + Math.abs(value).toFixed(2);
}

const data = JSON.parse(byId("data").textContent);
const pictures = JSON.parse(byId("pictures").textContent);
const samples = data.samples;
samples.forEach((sample, place) => {
  sample.place = place;
});
const BLOCK = 24; // gallery.py

/** Details of a sample, from its compressed block; blocks stay open once read. */
const blocks = new Map();
async function detailsOf(place) {
  const number = Math.floor(place / BLOCK);
  if (!blocks.has(number)) {
    const packed = Uint8Array.from(atob(byId("block-" + number).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    blocks.set(number, JSON.parse(await new Response(stream).text()));
  }
  return blocks.get(number)[place % BLOCK];
}

function picture(slot, alternative) {
  if (slot < 0 || !pictures[slot]) return null;
  return make("img", { src: "data:image/webp;base64," + pictures[slot], alt: alternative, loading: "lazy", decoding: "async" });
}

/** The reward as segments on both sides of a zero line; `range` is the scale's [low, high]. */
const COLORS = {
  "solvability": "#009e73", "difficulty": "#e69f00", "drawn": "#56b4e9", "right answer": "#009e73", "format": "#56b4e9",
  "r_eh": "#d55e00", "r_ct": "#cc79a7", "r_div": "#8c6d8c", "leak": "#d55e00", "blind": "#8c8c8c",
  "not drawn": "#d55e00", "format error": "#d55e00",
};
const MEANING = {
  "solvability": "easy question answered from the picture",
  "difficulty": "hard question: min(c, 1 − c), c: the share of answers that agree",
  "drawn": "code draws", "r_eh": "too easy or too hard", "r_ct": "content type too frequent", "r_div": "copies in the batch",
  "leak": "answer written in the picture", "blind": "solvable without picture",
};
const RANGES = { proposer: [-1, 1], coder: [-0.5, 2.5], solver: [0, 1] };

function rewardBar(sample, tall) {
  const parts = sample.parts || [];
  if (!parts.length) return null;
  const below = -parts.reduce((sum, part) => sum + Math.min(0, part[1]), 0);
  const above = parts.reduce((sum, part) => sum + Math.max(0, part[1]), 0);
  const [least, most] = RANGES[sample.role] || [0, 1];
  const low = Math.min(least, -below), high = Math.max(most, above);
  const at = (value) => (100 * (value - low)) / (high - low);
  const label = parts.map(([name, value]) => `${name} ${signed(value)}`).join(", ");
  const bar = make(tall ? "div.reward.tall" : "div.reward", { role: "img", "aria-label": "reward: " + label, title: label });
  let right = 0, left = 0;
  for (const [name, value] of parts) {
    const segment = make("i");
    const from = value >= 0 ? right : left + value;
    segment.style.left = at(from) + "%";
    segment.style.width = at(from + Math.abs(value)) - at(from) + "%";
    segment.style.background = COLORS[name] || "#8c8c8c";
    if (value >= 0) right += value;
    else left += value;
    bar.append(segment);
  }
  const zero = make("u");
  zero.style.left = at(0) + "%";
  bar.append(zero);
  return bar;
}
