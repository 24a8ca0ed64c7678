import { Option, type Command } from 'commander';
import { say } from '../terminal/output.js';
import type { ApiClient, ApiRequest } from './api-client.js';
import { wholeNumber } from './option-values.js';

const PAGE_MAX = 200;

export interface ListOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Where the next page begins; null at the end. */
  readonly nextCursor: string | null;
}

export function listOptions(command: Command): Command {
  return command
    .option('--limit <count>', `items a page, up to ${PAGE_MAX}`, wholeNumber(1, PAGE_MAX))
    .addOption(new Option('--cursor <cursor>', 'where the page begins').conflicts('all'))
    .option('--all', 'all pages, one after the other');
}

/** One page, or with `--all` everything as one. */
export async function readList<Item>(
  client: ApiClient,
  path: string,
  query: NonNullable<ApiRequest['query']>,
  { limit, cursor, all }: ListOptions,
): Promise<Page<Item>> {
  const items: Item[] = [];
  let next: string | null | undefined = cursor;
  do {
    const from = next ?? undefined;
    const size = limit ?? (all ? PAGE_MAX : undefined);
    const page: Page<Item> = await client.send<Page<Item>>({
      method: 'GET',
      path,
      query: { ...query, limit: size, cursor: from },
    });
    items.push(...page.items);
    next = page.nextCursor ?? null;
  } while (all && next !== null);
  if (next !== null) say(`There is more: --cursor ${next}, or --all`);
  return { items, nextCursor: next };
}
