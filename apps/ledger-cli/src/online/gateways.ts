import type { Command } from 'commander';
import { defineCommand, runs } from '../define-command.js';
import { fields, table } from '../terminal/table.js';
import { path } from './api-client.js';
import {
  asksService,
  connect,
  writes,
  type ConnectionOptions,
  type WriteOptions,
} from './connection.js';
import { listOptions, readList, type ListOptions } from './list-pages.js';

interface Gateway {
  readonly id: string;
  readonly orgId: string | null;
  readonly position: string;
  readonly reporting: boolean;
  readonly since: string;
  readonly reportedAt: string;
}

interface Effect {
  readonly id: string;
  readonly effectiveAt: string | null;
  readonly afterMs: number | null;
}

interface PropagationView {
  readonly revokedAt: string;
  readonly gateways?: readonly Effect[];
  readonly effective: number;
  readonly of: number;
}

export function addGatewayCommands(program: Command): void {
  const list = listOptions(
    asksService(
      defineCommand(program, {
        usage: 'gateways',
        summary: 'the gateways that have reported, and what they have applied',
        examples: ['token-ledger gateways', 'token-ledger gateways --all --json'],
      }),
    ),
  );
  runs<ConnectionOptions & ListOptions>(list, async (options) => {
    const page = await readList<Gateway>(connect(options), '/v1/gateways', {}, options);
    const text = table(page.items, [
      { heading: 'GATEWAY', of: ({ id }) => id },
      { heading: 'ORGANIZATION', of: ({ orgId }) => orgId ?? "the operator's" },
      { heading: 'POSITION', of: ({ position }) => position },
      { heading: 'STATE', of: ({ reporting }) => (reporting ? 'reporting' : 'retired') },
      { heading: 'REPORTED', of: ({ reportedAt }) => reportedAt },
    ]);
    return { value: page, text };
  });

  const retire = writes(
    defineCommand(program, {
      usage: 'retire-gateway <gateway-id>',
      summary: 'say of a gateway that it has stopped for good, when it could not',
      examples: ['token-ledger retire-gateway "$GATEWAY_ID"'],
    }),
  ).option('--org <org>', "slug or id of its organization (the caller's, when absent)");
  runs<WriteOptions & { org?: string }>(retire, async (options, [id = '']) => {
    const { org, idempotencyKey } = options;
    const at = path`/v1/gateways/${id}`;
    await connect(options).send({ method: 'DELETE', path: at, query: { org }, idempotencyKey });
    return { value: { id, reporting: false }, text: `${id} is not counted any more` };
  });

  const propagation = asksService(
    defineCommand(program, {
      usage: 'propagation <revocation-id>',
      summary: 'on which gateways a revocation is in effect, and since when',
      examples: ['token-ledger propagation "$REVOCATION_ID"'],
    }),
  );
  runs<ConnectionOptions>(propagation, async (options, [id = '']) => {
    const at = path`/v1/revocations/${id}/propagation`;
    const answer = await connect(options).send<PropagationView>({ method: 'GET', path: at });
    return { value: answer, text: propagationText(answer) };
  });
}

function propagationText({ revokedAt, gateways = [], effective, of }: PropagationView): string {
  const summary = fields([
    ['revoked', revokedAt],
    ['in effect', `on ${effective} of ${of} gateways`],
  ]);
  if (gateways.length === 0) return summary;
  const effects = table(gateways, [
    { heading: 'GATEWAY', of: ({ id }) => id },
    { heading: 'IN EFFECT', of: ({ effectiveAt }) => effectiveAt ?? 'not yet' },
    { heading: 'AFTER MS', of: ({ afterMs }) => afterMs },
  ]);
  return `${summary}\n\n${effects}`;
}
