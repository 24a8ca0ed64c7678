import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PROBLEMS, problemType, type ProblemCode } from '../problems/problem-catalogue.js';

/** A file of the documentation page. */
export interface Asset {
  readonly contentType: string;
  readonly body: string | Buffer;
}

const STYLES = 'text/css; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';

/** The files of the package that the page uses, and no others. */
const PACKAGE_FILES = new Map([
  ['swagger-ui.css', STYLES],
  ['swagger-ui-bundle.js', SCRIPT],
  ['favicon-32x32.png', 'image/png'],
]);

/** Neither this nor the package asks another host for anything: the validator badge would. */
const START = `window.addEventListener('load', () => {
  SwaggerUIBundle({
    url: '/openapi.json',
    dom_id: '#docs',
    deepLinking: true,
    validatorUrl: null,
    persistAuthorization: false,
  });
});
`;

export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Token Ledger API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<noscript>This page needs scripts. The same document is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** Everything from this host; the package draws with inline styles and data images. */
export const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** A file of the page by its name, or undefined. */
export async function docsAsset(name: string): Promise<Asset | undefined> {
  if (name === 'start.js') return { contentType: SCRIPT, body: START };
  const contentType = PACKAGE_FILES.get(name);
  if (contentType === undefined) return undefined;
  const resolve = createRequire(import.meta.url).resolve;
  const directory = dirname(resolve('swagger-ui-dist/package.json'));
  return { contentType, body: await readFile(join(directory, name)) };
}

/** A problem's documentation for people. Its texts are the program's own. */
export function problemPage(code: ProblemCode): string {
  const { status, title, description } = PROBLEMS[code];
  const text = description.replaceAll(/`([^`]+)`/g, '<code>$1</code>');
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${code}</title></head>
<body>
<h1>${title}</h1>
<p>Code <code>${code}</code>, status ${status}, type <code>${problemType(code)}</code>.</p>
<p>${text}</p>
</body>
</html>
`;
}
