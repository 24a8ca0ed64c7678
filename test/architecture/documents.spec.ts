import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = process.cwd();
const DOCUMENTS = ['README.md', ...markdownBelow('docs')];

function markdownBelow(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}

function text(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** Codes of the closed union, as the source declares them, in its order. */
function rejectionCodes(): readonly string[] {
  const [, union = ''] =
    /export type Rejection =([\s\S]*?);\n\nexport type RejectionCode/.exec(
      text('libs/domain/src/rejection.ts'),
    ) ?? [];
  return [...union.matchAll(/code: '([A-Z_]+)'/g)].map(([, code]) => code!);
}

describe('the documents', () => {
  it.each(DOCUMENTS)('%s links only to files that exist', (document) => {
    const links = [...text(document).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)];
    const broken = links
      .map(([, target]) => target!)
      .filter((target) => !existsSync(join(ROOT, dirname(document), target)));
    expect(broken).toEqual([]);
  });

  it('errors.md lists every refusal, in the order of precedence, and no other', () => {
    const listed = [...text('docs/errors.md').matchAll(/^\| `([A-Z_]+)` *\|/gm)].map(
      ([, code]) => code,
    );
    expect(rejectionCodes().length).toBeGreaterThan(10);
    expect(listed).toEqual(rejectionCodes());
  });

  it('ARCHITECTURE.md names every folder that holds code', () => {
    const folders = ['apps', 'libs'].flatMap((parent) =>
      readdirSync(join(ROOT, parent)).map((name) => `${parent}/${name}`),
    );
    const architecture = text('docs/ARCHITECTURE.md');
    expect(folders.filter((folder) => !architecture.includes(`\`${folder}\``))).toEqual([]);
  });

  it('requirements.md gives each requirement a test, or the reason why it has none', () => {
    const rows = [
      ...text('docs/requirements.md').matchAll(/^\| ([A-Z]\d[^|]*) \|([^|]+)\|(.+)\|$/gm),
    ];
    const ids = rows.flatMap(([, names]) => names!.trim().split(', '));
    expect(ids.length).toBeGreaterThan(75);
    expect(new Set(ids).size).toBe(ids.length);
    const unshown = rows.filter(([, , , shown]) => {
      return !/\]\(|Not applicable|In part|By construction|scheduler/.test(shown!);
    });
    expect(unshown.map(([row]) => row)).toEqual([]);
  });
});
