import { jest } from '@jest/globals';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Projector } from '@ledger/read-models';
import type { EventEnvelope } from '@ledger/runtime';
import type { Position, StoredEvent } from '@ledger/event-store';
import { grantedMs } from '../support/granted-time.js';
import { EventFeed } from '../../apps/ledger-api/src/dialects/native/events/event-feed.js';
import { NativeWorld, type TestToken } from './support/native-world.js';

let world: NativeWorld;
let reader: TestToken;
let isClosed: boolean;
const cuts = new Set<() => void>();

beforeEach(async () => {
  isClosed = false;
  world = await NativeWorld.start();
  reader = await world.token({ name: 'reader', scopes: ['ledger:events:read'] });
});
afterEach(async () => {
  for (const cut of cuts) cut();
  cuts.clear();
  if (!isClosed) await world.close();
});

interface Stream {
  readonly response: IncomingMessage;
  /** The next event; undefined when the answer has ended. Throws when its connection was cut. */
  next(): Promise<EventEnvelope | undefined>;
  take(count: number): Promise<string[]>;
  cut(): void;
}

async function open(
  query: string,
  headers: Record<string, string> = {},
  authorization = world.admin.authorization!,
): Promise<Stream> {
  // Not by fetch: cut off, its pool opens another connection, for which the server would wait.
  const request = get(`${world.service.url}/v1/events${query}`, {
    headers: { authorization, ...headers },
    agent: false,
  });
  const cut = (): void => void request.destroy();
  cuts.add(cut);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  request.on('error', () => undefined);
  expect(response.statusCode).toBe(200);
  const events = eventsOf(response);
  const next = async (): Promise<EventEnvelope | undefined> => (await events.next()).value;
  return {
    response,
    next,
    async take(count) {
      const positions: string[] = [];
      while (positions.length < count) {
        const event = await next();
        if (!event) throw new Error(`the answer ended after ${positions.join()}`);
        positions.push(event.position);
      }
      return positions;
    },
    cut,
  };
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<EventEnvelope, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      const json = line.startsWith('data: ') ? line.slice(6) : line;
      if (json.startsWith('{')) yield JSON.parse(json) as EventEnvelope;
    }
  }
  return undefined;
}

const head = async (): Promise<number> => Number(await world.service.ledger.store.head());
const range = (after: number, to: number): string[] =>
  Array.from({ length: to - after }, (_, n) => String(after + n + 1));

const SSE = { accept: 'text/event-stream' };

describe('following the log', () => {
  it.each([
    ['as lines', '?follow=true', {}],
    ['as server-sent events', '', SSE],
  ])('%s gives what is there, and then what comes', async (_form, query, headers) => {
    const stream = await open(query, headers);
    const before = await head();
    expect(await stream.take(before)).toEqual(range(0, before));
    for (let n = 0; n < 3; n += 1) {
      await world.token();
      const now = await head();
      expect(await stream.take(1)).toEqual([String(now)]);
    }
  });

  it('begins to answer before anything has come', async () => {
    const { response } = await open(`?follow=true&after=${await head()}`);
    const [chunk] = (await once(response, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('\n');
  });

  it('ends at the limit', async () => {
    const stream = await open('?follow=true&limit=3');
    expect(await stream.take(3)).toEqual(range(0, 3));
    expect(await stream.next()).toBeUndefined();
  });

  it('gives only what was asked for', async () => {
    const stream = await open('?follow=true&type=TokenRevoked');
    const token = await world.token();
    await world.admin.post(`${token.path}/revoke`);
    expect(await stream.take(1)).toEqual([String(await head())]);
  });

  it('gives each event once to many readers, however they are cut and come back', async () => {
    const EVENTS = 150;
    const end = (await head()) + EVENTS;
    const writing = (async () => {
      for (let n = 0; n < EVENTS; n += 1) await world.token({ name: `t${n}` });
    })();
    const readings = Array.from({ length: 5 }, async (_, n) => {
      const seen: string[] = [];
      while (seen.length < end) {
        const isSse = n % 2 === 0;
        const after = seen.at(-1) ?? '0';
        const stream = isSse
          ? await open('?after=0', { ...SSE, 'last-event-id': after })
          : await open(`?follow=true&after=${after}`);
        const count = Math.min(7 + 13 * n, end - seen.length);
        seen.push(...(await stream.take(count)));
        stream.cut();
      }
      return seen;
    });
    await writing;
    for (const seen of await Promise.all(readings)) expect(seen).toEqual(range(0, end));
  });
});

describe('the right to follow', () => {
  it('ends with the credential, and what comes after it is not seen', async () => {
    const stream = await open('?follow=true', {}, reader.client.authorization!);
    await stream.next();
    await world.admin.post(`${reader.path}/revoke`);
    await world.token({ name: 'after' });
    const seen: EventEnvelope[] = [];
    await expect(
      (async () => {
        for (let event = await stream.next(); event; event = await stream.next()) seen.push(event);
      })(),
    ).rejects.toThrow();
    expect(seen.map(({ data }) => data['name'])).not.toContain('after');
  });

  it('ends with the scope, and with the role', async () => {
    const admin = await world.user('admin');
    const byRole = await open(`?follow=true`, {}, admin.client.authorization!);
    const byScope = await open('?follow=true', {}, reader.client.authorization!);
    await Promise.all([byRole.next(), byScope.next()]);
    await world.setMember(admin.userId, 'member');
    await world.admin.patch(reader.path, { scopes: [] });
    for (const stream of [byRole, byScope]) {
      await expect(
        (async () => {
          while (await stream.next());
        })(),
      ).rejects.toThrow();
    }
  });
});

describe('the end of the service', () => {
  it('ends followers properly, and cuts what is not whole', async () => {
    await fill(2000);
    const follower = await open(`?follow=true&after=${await head()}`);
    const download = await open('');
    await download.next();
    const startedAt = grantedMs();
    isClosed = true;
    const closing = world.service.close();
    expect(await follower.next()).toBeUndefined();
    await expect(
      (async () => {
        while (await download.next());
      })(),
    ).rejects.toThrow();
    await closing;
    expect(grantedMs() - startedAt).toBeLessThan(8000);
  });

  it('does not wait for a reader that does not read', async () => {
    await fill(2000);
    const given = countGiven();
    const socket = await rawReader('/v1/events?follow=true');
    await standingStill(given);
    const startedAt = grantedMs();
    isClosed = true;
    await world.service.close();
    expect(grantedMs() - startedAt).toBeLessThan(8000);
    socket.destroy();
  });
});

describe('a slow reader', () => {
  it('is waited for without reading ahead, and then gets everything', async () => {
    await fill(2500);
    const given = countGiven();
    const end = await head();
    const socket = await rawReader('/v1/events');
    expect(await standingStill(given)).toBeLessThan(end / 2);

    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    const positions = [...text.matchAll(/"position":"(\d+)"/g)].map(([, position]) => position);
    expect(positions).toEqual(range(0, end));
    expect(text).toMatch(/\r\n0\r\n\r\n$/);
  });

  it('costs nothing once it is gone', async () => {
    const { server, ledger } = world.service;
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const follower = await open('?follow=true');
    await follower.next();
    const [connection] = await connected;
    const gone = once(connection, 'close');
    follower.cut();
    await gone;
    const asked = jest.spyOn(ledger.store, 'readAllAfter');
    await world.token();
    await turns();
    expect(asked.mock.calls.filter(([, limit]) => limit < 1000)).toEqual([]);
  });
});

describe('signs of life', () => {
  it.each([
    ['come while nothing else does, and tell how far the log was read', 15_000, 15_000],
    ['come sooner where events were passed over', 1_000, 100],
  ])('%s', async (_what, heartbeatMs, passedOverMs) => {
    let now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    const { store, progress } = world.service.ledger;
    const waits: number[] = [];
    const idle = {
      reached: async (_position: Position, ms: number) => {
        waits.push(ms);
        now += ms;
        return false;
      },
    };
    const gone = new AbortController();
    const feed = new EventFeed(store, idle as unknown as Projector, progress);
    const parts = feed.read({
      after: 0n,
      upTo: null,
      limit: Infinity,
      signal: gone.signal,
      filter: () => () => false,
      form: {
        event: () => '',
        heartbeat: (position) => `alive ${position}`,
        ...{ heartbeatMs, passedOverMs },
      },
    });
    const at = String(await store.head());
    const seen: unknown[] = [];
    for (let n = 0; n < 3; n += 1) seen.push((await parts.next()).value);
    jest.restoreAllMocks();
    expect(seen).toEqual(['alive 0', `alive ${at}`, `alive ${at}`]);
    expect(waits).toEqual([passedOverMs, heartbeatMs]);
    gone.abort();
    expect((await parts.next()).done).toBe(true);
  });
});

/** Events of about 16 KB each, straight into the store: a log larger than what sockets buffer. */
async function fill(count: number): Promise<void> {
  const { store, projector } = world.service.ledger;
  const [sample] = (await store.read(`token-${reader.id}`)) as readonly [StoredEvent];
  const text = 'x'.repeat(8000);
  const payload = {
    ...{ type: 'TokenMetadataChanged', tokenId: reader.id, orgId: sample.metadata.orgId },
    ...{ from: { text }, to: { text }, occurredAt: sample.occurredAt },
  } as unknown as StoredEvent['payload'];
  for (let revision = 1; revision <= count; revision += 1) {
    const eventId = `00000000-0000-4000-8000-${String(revision).padStart(12, '0')}`;
    await store.append(`token-${reader.id}`, revision, [
      { eventId, payload, metadata: sample.metadata },
    ]);
  }
  await projector.caughtUp();
}

/** A connection that has asked, and takes nothing of the answer. */
async function rawReader(path: string): Promise<Socket> {
  const { hostname, port } = new URL(world.service.url);
  const socket = connect({ port: Number(port), host: hostname });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.pause();
  const authorization = `authorization: ${world.admin.authorization}`;
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: ledger\r\nconnection: close\r\n${authorization}\r\n\r\n`,
  );
  return socket;
}

/** Tells how many events were read for those who follow: the read models read with a larger limit. */
function countGiven(): () => number {
  const { store } = world.service.ledger;
  let given = 0;
  const original = store.readAllAfter.bind(store);
  jest.spyOn(store, 'readAllAfter').mockImplementation(async (position, limit) => {
    const events = await original(position, limit);
    if (limit < 1000) given += events.length;
    return events;
  });
  return () => given;
}

/** Gives the service, which runs in this process, its turns, whatever else the machine does meanwhile. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What a count has come to, once it is more than nothing and moves no more. */
async function standingStill(count: () => number): Promise<number> {
  for (let before = 0; before === 0 || count() > before;) {
    before = count();
    await turns();
  }
  return count();
}
