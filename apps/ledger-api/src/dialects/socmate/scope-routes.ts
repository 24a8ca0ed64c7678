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
  const here = FORMS.filter(({ form }) => form.test(path));
  const asked = method === 'HEAD' ? 'GET' : method;
  const found = here.find((route) => route.method === asked);
  if (found) return { outcome: 'found', scope: found.scope };
  if (here.length === 0) return { outcome: 'none' };
  return { outcome: 'wrong-method', allow: here.map((route) => route.method) };
}
