// The YAML editor: CodeMirror, in a shadow root, where its styles need no exception from the page's policy.
import { useEffect, useRef } from "../vendor/hooks.js";
import {
  bracketMatching, defaultKeymap, drawSelection, EditorState, EditorView, foldGutter, foldKeymap, highlightActiveLine, highlightSelectionMatches,
  HighlightStyle, history, historyKeymap, indentOnInput, indentUnit, keymap, lineNumbers, lintGutter, lintKeymap, search, searchKeymap,
  setDiagnostics, syntaxHighlighting, tags, yaml,
} from "../vendor/codemirror.js";
import { html } from "./ui.js";
import { t } from "./i18n.js";

const LOOK = EditorView.theme({
  "&": { height: "56vh", fontSize: "12px", color: "var(--text)", backgroundColor: "var(--card)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: 'ui-monospace, "SF Mono", Menlo, Consolas, monospace', lineHeight: "20px" },
  ".cm-scroller:focus-visible": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunk)", color: "var(--soft)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent", boxShadow: "inset 2px 0 var(--accent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "var(--accent-soft)" },
  ".cm-panels, .cm-tooltip": { backgroundColor: "var(--sunk)", color: "var(--text)", border: "1px solid var(--line)" },
  ".cm-button, .cm-textfield": { background: "var(--card)", color: "var(--text)", border: "1px solid var(--line)" },
});
const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent-text)" },
  { tag: [tags.comment, tags.meta], color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.string, tags.content], color: "var(--text)" },
  { tag: [tags.number, tags.bool, tags.null, tags.labelName], color: "var(--human)" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--soft)" },
]);
const SEVERITY = { bad: "error", warn: "warning" };

function diagnostics(doc, problems) {
  return problems.map(({ line, column, message, kind = "bad" }) => {
    const at = doc.line(Math.min(Math.max(line, 1), doc.lines)), from = Math.min(at.from + Math.max(column, 1) - 1, at.to);
    return { from, to: Math.max(at.to, from), severity: SEVERITY[kind], message: t(message) };
  });
}

// `view` is a ref that holds the editor; `onSave` is Ctrl+S. `text` is what it begins with: from then on the editor alone holds the text,
// `onText` tells of it and `replace` changes it. Text that came back as a property would be older than the next key.
export function YamlEditor({ text, onText, problems, readOnly, label, onSave, view }) {
  const host = useRef(null), handlers = useRef({});
  handlers.current = { onText, onSave };
  useEffect(() => {
    const root = host.current.shadowRoot || host.current.attachShadow({ mode: "open" });
    view.current = new EditorView({
      root, parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(), foldGutter(), lintGutter(), history(), drawSelection(), bracketMatching(), indentOnInput(), highlightActiveLine(), highlightSelectionMatches(),
          search({ top: true }), yaml(), indentUnit.of("  "), LOOK, syntaxHighlighting(COLOURS), EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocapitalize: "off" }),
          keymap.of([{ key: "Mod-s", preventDefault: true, run: () => { handlers.current.onSave(); return true; } }, ...defaultKeymap, ...historyKeymap, ...searchKeymap, ...foldKeymap, ...lintKeymap]),
          EditorView.updateListener.of((update) => { if (update.docChanged) handlers.current.onText(update.state.doc.toString()); }),
        ],
      }),
    });
    view.current.scrollDOM.tabIndex = 0; // scrolls by keyboard without an edit
    return () => view.current.destroy();
  }, []);
  useEffect(() => { view.current.dispatch(setDiagnostics(view.current.state, diagnostics(view.current.state.doc, problems))); }, [problems]);
  return html`<div class="editor" ref=${host}></div>`;
}

export function replace(view, text) {
  if (view.state.doc.toString() !== text) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
}

export function jump(view, line, column = 1) {
  const at = view.state.doc.line(Math.min(line, view.state.doc.lines)), anchor = Math.min(at.from + column - 1, at.to);
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
  view.focus();
}
