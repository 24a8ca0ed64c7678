const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i;

interface Range {
  readonly type: string;
  readonly weight: number;
}

/**
 * The media type to answer with: of those offered, the one that the Accept header weighs most; the first
 * when it names none of them, or weighs several alike (RFC 9110, section 12.5.1).
 */
export function preferredType<Type extends string>(
  accept: string | undefined,
  offered: readonly [Type, ...Type[]],
): Type {
  const ranges = (accept ?? '').slice(0, 1024).split(',').map(rangeOf);
  let [best] = offered;
  let bestWeight = 0;
  for (const type of offered) {
    const weight = weightOf(type, ranges);
    if (weight <= bestWeight) continue;
    best = type;
    bestWeight = weight;
  }
  return best;
}

function rangeOf(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const [weight] = parameters.flatMap((parameter) => WEIGHT.exec(parameter)?.[1] ?? []);
  return { type, weight: Number(weight ?? 1) };
}

/** The weight of the most specific range that a type falls into. */
function weightOf(type: string, ranges: readonly Range[]): number {
  const [kind] = type.split('/');
  for (const wanted of [type, `${kind}/*`, '*/*']) {
    const range = ranges.find((each) => each.type === wanted);
    if (range) return range.weight;
  }
  return 0;
}
