import { randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleEvent, samplePayloads } from '@ledger/event-store/testing';
import type { TokenId } from '@ledger/domain';
import { openDirectoryLog } from '@ledger/runtime';
import { EventStoreDouble } from '../eventstoredb/double/event-store-double.js';
import { callAt } from '../eventstoredb/service/support/node.js';
import { ServiceProcess } from '../operations/service-process.js';
import { documentOf, runCli } from './support/run-cli.js';
import { inTemporaryDirectory } from './support/temporary-directory.js';

afterAll(() => ServiceProcess.killAll());

const DECISION = ['--reason', 'written by mistake', '--by', 'Kim', '--json'];

/** Makes two tokens on a new ledger. */
async function twoTokens(environment: NodeJS.ProcessEnv) {
  const service = await ServiceProcess.started(environment);
  const { admin, url } = service;
  const make = async (): Promise<{ readonly id: string; readonly secret: string }> => {
    const body = { name: 'ci', scopes: ['jobs'] };
    const made = await callAt(url, admin, 'POST', '/v1/orgs/demo/tokens', { body });
    return { id: made.body.token.id, secret: made.body.secret };
  };
  return { service, admin, spoiled: await make(), sound: await make() };
}

async function codeAt(url: string, admin: string, token: string): Promise<string> {
  return (await callAt(url, admin, 'POST', '/v1/verify', { body: { token } })).body.code;
}

async function refusal(environment: NodeJS.ProcessEnv): Promise<string> {
  const service = ServiceProcess.run(environment);
  expect(await service.ended()).toBe(1);
  return service.stderr;
}

describe('skip-event', () => {
  it('lets an embedded ledger go on, without the token whose event it is', () =>
    inTemporaryDirectory(async (parent) => {
      const env = { LEDGER_DATA_DIR: join(parent, 'data') };
      const { service, admin, spoiled, sound } = await twoTokens(env);
      const held = await runCli(['skip-event'], { env });
      expect([held.code, held.stderr]).toEqual([7, expect.stringContaining('stop it first')]);
      await service.stop();
      const healthy = await runCli(['skip-event'], { env });
      expect(healthy).toMatchObject({ code: 0, stdout: 'Every event can be applied.\n' });
      expect((await runCli(['skip-event', '3', ...DECISION], { env })).code).toBe(5);

      const log = await openDirectoryLog(env.LEDGER_DATA_DIR);
      const poison = { ...samplePayloads.TokenRenamed, tokenId: 'nobody' as TokenId };
      await log.append(`token-${spoiled.id}`, 1, [sampleEvent(poison)]);
      const position = String(await log.head());
      await log.close();
      const told = await refusal(env);
      expect(told).toContain(`at position ${position}`);
      expect(told).toContain('token-ledger skip-event');

      const found = documentOf(await runCli(['skip-event', '--json'], { env }));
      const place = { position, streamId: `token-${spoiled.id}`, revision: 2 };
      expect(found).toMatchObject({
        obstacle: { ...place, problem: expect.stringContaining('never created') },
      });
      const orgId = (found['obstacle'] as { orgId: string }).orgId;
      for (const wrong of [
        [position, '--reason', 'none'],
        [position, '--by', 'Kim', '--reason', ' '],
        ['--reason', 'none', '--by', 'Kim'],
      ]) {
        expect((await runCli(['skip-event', ...wrong], { env })).code).toBe(2);
      }
      expect((await runCli(['skip-event', '1', ...DECISION], { env })).code).toBe(5);
      const done = await runCli(['skip-event', position, ...DECISION], { env });
      expect(documentOf(done)).toMatchObject({ skipped: { ...place, orgId } });

      const again = await ServiceProcess.started(env);
      expect(await codeAt(again.url, admin, spoiled.secret)).toBe('NOT_FOUND');
      expect(await codeAt(again.url, admin, sound.secret)).toBe('VALID');
      const audit = await callAt(
        again.url,
        admin,
        'GET',
        '/v1/orgs/demo/audit-events?type=EventSkipped',
      );
      expect(audit.body.items).toMatchObject([
        { type: 'EventSkipped', details: { skipped: place, by: 'Kim' } },
      ]);
      expect((await fetch(`${again.url}/health/ready`)).status).toBe(200);
      await again.stop();
      const replayed = await runCli(['replay', '--json'], { env });
      expect(documentOf(replayed)).toMatchObject({ outcome: 'same' });
      expect((await runCli(['verify'], { env })).code).toBe(0);
    }));

  it('lets nodes on EventStoreDB go on past what the ledger cannot read', () =>
    inTemporaryDirectory(async (parent) => {
      const double = await EventStoreDouble.start();
      const key = join(parent, 'shared.key');
      writeFileSync(key, randomBytes(32).toString('base64'), { mode: 0o600 });
      const env = {
        LEDGER_STORE: 'eventstoredb',
        LEDGER_EVENTSTOREDB_URL: double.connectionString,
        LEDGER_MASTER_KEY_FILE: key,
        LEDGER_DATA_DIR: join(parent, 'node'),
      };
      const { service, admin, spoiled, sound } = await twoTokens(env);
      const { url } = service;
      const foreign = { type: 'Foreign', contentType: 'application/json' };
      double.log.append(`ledger-token-${spoiled.id}`, 'any', [
        { ...foreign, id: randomUUID(), data: Buffer.from('{}'), metadata: Buffer.from('{}') },
      ]);
      const position = String(double.log.records.at(-1)!.position);
      await service.until(() => service.stdout.includes('read models stopped'));
      const judged = { body: { token: sound.secret } };
      expect((await callAt(url, admin, 'POST', '/v1/verify', judged)).status).toBe(503);

      const found = documentOf(await runCli(['skip-event', '--json'], { env }));
      const problem = expect.stringMatching(/^event \d+ \(token-.* was not written by the ledger/);
      const streamId = `token-${spoiled.id}`;
      expect(found).toMatchObject({ obstacle: { position, streamId, revision: 2, problem } });
      const done = await runCli(['skip-event', position, ...DECISION], { env });
      expect(done).toMatchObject({ code: 0 });
      // Nothing is judged before the node has taken the whole decision in.
      expect((await callAt(url, admin, 'POST', '/v1/verify', judged)).status).toBe(503);
      await service.stop();

      const again = await ServiceProcess.started(env);
      expect(await codeAt(again.url, admin, spoiled.secret)).toBe('NOT_FOUND');
      expect(await codeAt(again.url, admin, sound.secret)).toBe('VALID');
      const renamed = await callAt(
        again.url,
        admin,
        'PATCH',
        `/v1/orgs/demo/tokens/${spoiled.id}`,
        { body: { name: 'cd' } },
      );
      expect(renamed).toMatchObject({
        status: 503,
        body: { code: 'STORE_UNAVAILABLE', detail: expect.stringContaining('cannot be read here') },
      });
      expect(again.stdout).toContain(`token-${spoiled.id}`);
      const lines = await fetch(`${again.url}/v1/events`, {
        headers: { authorization: `Bearer ${admin}`, accept: 'application/x-ndjson' },
      });
      const text = await lines.text();
      expect(text).not.toContain('"Foreign"');
      expect(text).toContain('"EventSkipped"');
      await again.stop();
      await double.stop();
    }));
});
