// Building the page: elements from values, never from markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties (`on…` listeners, `class`, `data`, attributes) and children (nodes, strings, nothing). */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name in node && name !== "list" && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  send: ["0 0 24 24", "M3.4 20.6 21.5 12 3.4 3.4 3.4 10.1 15 12 3.4 13.9z"],
  mic: ["0 0 24 24", "M12 14.5a3.3 3.3 0 0 0 3.3-3.3V5.8a3.3 3.3 0 0 0-6.6 0v5.4a3.3 3.3 0 0 0 3.3 3.3zm6-3.3a6 6 0 0 1-12 0H4.2a7.8 7.8 0 0 0 6.9 7.7V22h1.8v-3.1a7.8 7.8 0 0 0 6.9-7.7z"],
  clip: ["0 0 24 24", "M11 5a1 1 0 0 1 2 0v6h6a1 1 0 0 1 0 2h-6v6a1 1 0 0 1-2 0v-6H5a1 1 0 0 1 0-2h6z"],
  trash: ["0 0 24 24", "M8 3h8l1 2h4v2H3V5h4zM5 9h14l-1 12H6zm4 2v8h1.8v-8zm4.2 0v8H15v-8z"],
  close: ["0 0 24 24", "m6.4 5 5.6 5.6L17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4z"],
  menu: ["0 0 24 24", "M4 6h16v2.2H4zm0 5h16v2.2H4zm0 5h16v2.2H4z"],
  panel: ["0 0 24 24", "M3 6h9v2H3zm0 10h5v2H3zm0-5h13v2H3zm16.5-6.5a2.5 2.5 0 1 1-2.3 3.5H14V6h3.2a2.5 2.5 0 0 1 2.3-1.5zm-7 10a2.5 2.5 0 0 1 2.3 1.5H21v2h-6.2a2.5 2.5 0 1 1-2.3-3.5z"],
  down: ["0 0 24 24", "m12 16.5-7-7 1.5-1.5L12 13.5 17.5 8 19 9.5z"],
  play: ["0 0 24 24", "M8 5.2v13.6L19 12z"],
  pause: ["0 0 24 24", "M7 5h3.6v14H7zm6.4 0H17v14h-3.6z"],
  file: ["0 0 30 34", "M4 0h15l9 9v22a3 3 0 0 1-3 3H4a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3zm14 2.5V10h7.5zM7 16v2h15v-2zm0 5v2h15v-2zm0 5v2h10v-2z"],
  image: ["0 0 24 24", "M4 4h16a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zm1 13h14l-4.5-6-3.5 4.5-2.5-3zM7.5 7A1.5 1.5 0 1 0 9 8.5 1.5 1.5 0 0 0 7.5 7z"],
  stack: ["0 0 24 24", "M4 4h12v3H4zm0 6h16v3H4zm0 6h9v3H4z"],
  pin: ["0 0 24 24", "M12 2a7 7 0 0 0-7 7c0 5 7 13 7 13s7-8 7-13a7 7 0 0 0-7-7zm0 9.5A2.5 2.5 0 1 1 14.5 9 2.5 2.5 0 0 1 12 11.5z"],
  pending: ["0 0 17 11", "M8.5.5a5 5 0 1 0 0 10 5 5 0 0 0 0-10zm0 1.2a3.8 3.8 0 1 1 0 7.6 3.8 3.8 0 0 1 0-7.6zM8 3v3l2.2 1.3.5-.8L9 5.5V3z"],
  one: ["0 0 17 11", "m5.3 10.2-3.7-3.8 1-1 2.7 2.7L12.2 1l1 1z"],
  two: ["0 0 17 11", "m4.3 10.2-3.7-3.8 1-1 2.7 2.7L11.2 1l1 1zm4.4 0L7.2 8.7l1-1 .5.4L15.6 1l1 1z"],
  failed: ["0 0 17 11", "M8.5.3a5.2 5.2 0 1 0 0 10.4A5.2 5.2 0 0 0 8.5.3zM7.8 2.6h1.4v3.8H7.8zm0 4.6h1.4v1.4H7.8z"],
};

export function icon(name, size = 22) {
  const [box, path] = PATHS[name];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", box);
  svg.setAttribute("width", size);
  svg.setAttribute("height", size);
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("fill", "currentColor");
  shape.setAttribute("fill-rule", "evenodd");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}
