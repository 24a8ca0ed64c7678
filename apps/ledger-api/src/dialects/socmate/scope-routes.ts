/** The data routes of the product, and the scope that opens each. `*` is one or more segments. */
const ROUTES = [
  { method: 'GET', path: '/api/v1/sessions/*', scope: 'investigations:read' },
  { method: 'GET', path: '/api/v1/investigations/*', scope: 'investigations:read' },
  { method: 'POST', path: '/api/v1/investigations/start', scope: 'investigations:write' },
  { method: 'POST', path: '/api/v1/sessions/*/message', scope: 'investigations:write' },
  { method: 'GET', path: '/api/v1/incidents', scope: 'incidents:read' },
  { method: 'GET', path: '/api/v1/incidents/*', scope: 'incidents:read' },
  { method: 'GET', path: '/api/v1/search', scope: 'search:read' },
  { method: 'GET', path: '/api/v1/search/*', scope: 'search:read' },
  { method: 'GET', path: '/api/v1/graph/*', scope: 'graph:read' },
] as const;

const FORMS = ROUTES.map(({ method, path, scope }) => ({
  method,
  scope,
  form: new RegExp(`^${path.replaceAll('*', '[^/]+(?:/[^/]+)*')}$`),
}));

export type DataRoute =
  | { readonly outcome: 'found'; readonly scope: string }
  | { readonly outcome: 'wrong-method'; readonly allow: readonly string[] }
  | { readonly outcome: 'none' };

/** Which scope a call needs. HEAD asks for what GET asks for. */
export function dataRoute(method: string, path: string): DataRoute {
  const here = isUnambiguous(path) ? FORMS.filter(({ form }) => form.test(path)) : [];
  const asked = method === 'HEAD' ? 'GET' : method;
  const found = here.find((route) => route.method === asked);
  if (found) return { outcome: 'found', scope: found.scope };
  if (here.length === 0) return { outcome: 'none' };
  return { outcome: 'wrong-method', allow: [...new Set(here.map((route) => route.method))] };
}

const DOT_SEGMENT = /^\.{1,2}(?:;|$)/;

/**
 * Whether a path names the same thing to everyone who reads it. What a proxy or the upstream would resolve
 * or decode into another path was checked for the scope of the wrong route.
 */
function isUnambiguous(path: string): boolean {
  if (/[\\#]/.test(path)) return false;
  return path.split('/').every((segment) => {
    try {
      const decoded = decodeURIComponent(segment);
      return !/[/\\\p{Cc}]/u.test(decoded) && !DOT_SEGMENT.test(decoded);
    } catch {
      return false;
    }
  });
}
