const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Escapes text for HTML. Converts spans between backticks to `<code>` elements. */
export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? '').replaceAll(/`([^`]+)`/g, '<code>$1</code>')

const style = `body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#1c2430;background:#fff}
code{font:0.9em ui-monospace,monospace;background:#eef1f5;padding:.1em .3em;border-radius:4px}h1 code{background:none;padding:0}
a{color:#0b57d0}dt{margin-top:1rem}dd{margin:0;color:#4a5565}
@media(prefers-color-scheme:dark){body{color:#dfe5ee;background:#12161c}code{background:#222a35}a{color:#8ab4f8}dd{color:#9aa7b8}}`

/** Returns a complete HTML page. `title` is text, and `body` is HTML. */
export const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<link rel="icon" href="/docs/favicon-32x32.png"><style>${style}</style></head>
<body>${body}</body></html>
`
