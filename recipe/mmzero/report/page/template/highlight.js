// Light colouring of SVG and Python as spans of text; anything that no pattern takes stays plain.

const SVG_PARTS = /(<!--[\s\S]*?-->)|(<[/?!]?[\w:-]+|[/?]?>)|([\w:-]+)(?==)|("[^"]*"|'[^']*')/g;
const PYTHON_PARTS =
  /(#[^\n]*)|\b(def|class|import|from|as|for|in|if|elif|else|while|return|with|lambda|not|and|or|None|True|False|try|except)\b|(\b\d+(?:\.\d+)?\b)|("""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/g;

function highlighted(code, language) {
  const python = language === "python";
  const names = python ? ["comment", "keyword", "number", "string"] : ["comment", "tag", "attribute", "string"];
  const box = make("pre", { tabindex: "0" });
  let done = 0;
  for (const found of code.matchAll(python ? PYTHON_PARTS : SVG_PARTS)) {
    if (found.index > done) box.append(code.slice(done, found.index));
    const kind = names[[1, 2, 3, 4].find((k) => found[k] !== undefined) - 1];
    box.append(make("span.t-" + kind, null, found[0]));
    done = found.index + found[0].length;
  }
  box.append(code.slice(done));
  return box;
}
