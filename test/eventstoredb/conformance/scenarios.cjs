#!/usr/bin/env node
/*
 * What an EventStoreDB server answers to @eventstore/db-client 6.2.1, scenario by scenario.
 *
 *   node scenarios.cjs esdb://127.0.0.1:2113?tls=false            prints one JSON line a scenario
 *   node scenarios.cjs URL --check recorded-24.6.0.jsonl           compares, prints the differences, exit 1 when there are any
 *
 * Run it from a folder where `require('@eventstore/db-client')` resolves, or set CLIENT_FROM to such a folder.
 * Stream names carry a random prefix, shown as `S`; ids are shown as their position in the scenario; log positions
 * are shown as order only. `recorded-24.6.0.jsonl` was recorded against a real EventStoreDB 24.6.0 (insecure, single
 * node, projections off), so a double that passes `--check` answers as the real server does.
 */
const { createRequire } = require('node:module');
const { readFileSync } = require('node:fs');
const { randomUUID } = require('node:crypto');
const path = require('node:path');
const from = createRequire(
  path.join(path.resolve(process.env.CLIENT_FROM ?? process.cwd()), 'x.js'),
);
const { EventStoreDBClient, jsonEvent, binaryEvent, streamNameFilter, eventTypeFilter } =
  from('@eventstore/db-client');

const url = process.argv[2];
if (!url) {
  console.error('usage: scenarios.cjs esdb://HOST:PORT?tls=false [--check FILE]');
  process.exit(2);
}
const S = randomUUID().slice(0, 8);
const client = EventStoreDBClient.connectionString(url);
/** The two append paths of the client: with credentials a call of its own, without them one shared stream. */
const PATHS = { append: { credentials: { username: 'admin', password: 'changeit' } }, batch: {} };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const stream = (name) => `${S}-${name}`;
const shown = (text) => String(text).replaceAll(S, 'S');

const scenarios = [];
const scenario = (name, run) => scenarios.push({ name, run });
const newEvent = (n, id = randomUUID()) =>
  jsonEvent({ type: `Type${n}`, id, data: { n }, metadata: { m: n } });
const failure = (error) => {
  const out = { error: error.constructor.name, type: error.type };
  if (error.actualVersion !== undefined) out.actual = String(error.actualVersion);
  if (error.expectedVersion !== undefined) out.expected = String(error.expectedVersion);
  return out;
};
const attempt = async (run) => {
  try {
    return await run();
  } catch (error) {
    return failure(error);
  }
};
const appended = (r) => ({
  success: r.success,
  next: String(r.nextExpectedRevision),
  position: r.position
    ? r.position.commit === r.position.prepare
      ? 'commit=prepare'
      : 'commit!=prepare'
    : 'none',
});
const read = async (name, options) => {
  const out = [];
  for await (const { event } of client.readStream(stream(name), options))
    out.push(`${event.type}@${event.revision}`);
  return out;
};

for (const [pathName, options] of Object.entries(PATHS)) {
  const append = (name, events, expectedRevision) =>
    attempt(async () =>
      appended(await client.appendToStream(stream(name), events, { expectedRevision, ...options })),
    );
  const fill = async (name, count) => {
    const events = Array.from({ length: count }, (_, n) => newEvent(n));
    if (count > 0)
      await client.appendToStream(stream(name), events, {
        expectedRevision: 'no_stream',
        ...options,
      });
    return events;
  };

  for (const actual of [0, 1, 3])
    for (const expected of ['no_stream', 'any', 'stream_exists', 0n, 1n, 2n, 3n, 9n])
      scenario(
        `${pathName}: stream of ${actual}, expected ${expected}, two new events`,
        async () => {
          const name = `m-${pathName}-${actual}-${expected}`;
          await fill(name, actual);
          const result = await append(name, [newEvent(10), newEvent(11)], expected);
          return { result, stream: await attempt(() => read(name)) };
        },
      );

  const repeat = (label, run) =>
    scenario(`${pathName}: ${label}`, async () => {
      const name = `r-${pathName}-${label.replaceAll(/[^a-z0-9]+/g, '-')}`;
      return {
        result: await run(name),
        stream: await attempt(async () => {
          const all = await read(name);
          return all.length > 10 ? `${all.length} events` : all;
        }),
      };
    });
  repeat('same ids again at no_stream', async (s) => {
    const [a, b] = await fill(s, 2);
    return append(s, [a, b], 'no_stream');
  });
  repeat('same ids again after more was appended', async (s) => {
    const [a, b] = await fill(s, 2);
    await append(s, [newEvent(5)], 1n);
    return append(s, [a, b], 'no_stream');
  });
  repeat('first id of two again at no_stream', async (s) => {
    const [a] = await fill(s, 2);
    return append(s, [a], 'no_stream');
  });
  repeat('second id of two again at 0', async (s) => {
    const [, b] = await fill(s, 2);
    return append(s, [b], 0n);
  });
  repeat('second id of two again at no_stream', async (s) => {
    const [, b] = await fill(s, 2);
    return append(s, [b], 'no_stream');
  });
  repeat('both ids and a new one at no_stream', async (s) => {
    const [a, b] = await fill(s, 2);
    return append(s, [a, b, newEvent(5)], 'no_stream');
  });
  repeat('both ids in the other order at no_stream', async (s) => {
    const [a, b] = await fill(s, 2);
    return append(s, [b, a], 'no_stream');
  });
  repeat('same ids, other content, at no_stream', async (s) => {
    const [a, b] = await fill(s, 2);
    return append(s, [newEvent(7, a.id), newEvent(8, b.id)], 'no_stream');
  });
  repeat('same id at any, twice', async (s) => {
    const a = newEvent(1);
    return [await append(s, [a], 'any'), await append(s, [a], 'any')];
  });
  repeat('same id at stream_exists, twice', async (s) => {
    await fill(s, 1);
    const a = newEvent(1);
    return [await append(s, [a], 'stream_exists'), await append(s, [a], 'stream_exists')];
  });
  repeat('one id twice in one append', async (s) => {
    const a = newEvent(1);
    return append(s, [a, a], 'no_stream');
  });
  repeat('same id on another stream', async (s) => {
    const a = newEvent(1);
    await append(`${s}-other`, [a], 'no_stream');
    return append(s, [a], 'no_stream');
  });
  repeat('no events at any, absent stream', async (s) => append(s, [], 'any'));
  repeat('no events at no_stream, absent stream', async (s) => append(s, [], 'no_stream'));
  repeat('no events at 0, stream of one', async (s) => {
    await fill(s, 1);
    return append(s, [], 0n);
  });
  repeat('a thousand events in one append', async (s) => {
    return append(
      s,
      Array.from({ length: 1000 }, () => newEvent(1)),
      'no_stream',
    );
  });
  repeat('an event of 1,040,000 bytes', async (s) =>
    append(s, [jsonEvent({ type: 'Big', data: { s: 'x'.repeat(1_040_000) } })], 'any'),
  );
  repeat('an event of 1,100,000 bytes', async (s) =>
    append(s, [jsonEvent({ type: 'Big', data: { s: 'x'.repeat(1_100_000) } })], 'any'),
  );
  repeat('twenty writers demand a new stream', async (s) => {
    const results = await Promise.all(
      Array.from({ length: 20 }, () => append(s, [newEvent(1)], 'no_stream')),
    );
    return {
      won: results.filter((r) => r.success).length,
      lost: [...new Set(results.filter((r) => !r.success).map((r) => JSON.stringify(r)))],
    };
  });
  // A read right after the append may still say not found: the server applies the new stream metadata a moment later.
  repeat('soft delete, then no_stream', async (s) => {
    await fill(s, 2);
    await client.deleteStream(stream(s), PATHS.append);
    const result = [await attempt(() => read(s)), await append(s, [newEvent(5)], 'no_stream')];
    await sleep(300);
    return result;
  });
  repeat('soft delete, then the last revision', async (s) => {
    await fill(s, 2);
    await client.deleteStream(stream(s), PATHS.append);
    const result = await append(s, [newEvent(5)], 1n);
    await sleep(300);
    return result;
  });
  repeat('soft delete with a wrong revision', async (s) => {
    await fill(s, 2);
    return attempt(async () => {
      await client.deleteStream(stream(s), { expectedRevision: 0n, ...PATHS.append });
      return 'deleted';
    });
  });
  repeat('tombstone, then any', async (s) => {
    await fill(s, 2);
    await client.tombstoneStream(stream(s), PATHS.append);
    return append(s, [newEvent(5)], 'any');
  });
  repeat('tombstone, then no_stream', async (s) => {
    await fill(s, 2);
    await client.tombstoneStream(stream(s), PATHS.append);
    return append(s, [newEvent(5)], 'no_stream');
  });
  repeat('keeps the last two by metadata', async (s) => {
    await fill(s, 5);
    await client.setStreamMetadata(stream(s), { maxCount: 2 }, PATHS.append);
    return append(s, [newEvent(9)], 4n);
  });
  repeat('truncated before 3 by metadata', async (s) => {
    await fill(s, 5);
    await client.setStreamMetadata(stream(s), { truncateBefore: 3 }, PATHS.append);
    return append(s, [newEvent(9)], 4n);
  });
}

scenario('read: absent stream', () => attempt(() => read('absent')));
scenario('read: absent stream backwards', () =>
  attempt(() => read('absent', { direction: 'backwards', fromRevision: 'end' })),
);
scenario('read: a stream of five, every way', async () => {
  await client.appendToStream(
    stream('five'),
    [0, 1, 2, 3, 4].map((n) => newEvent(n)),
    { expectedRevision: 'no_stream', ...PATHS.append },
  );
  return {
    forwards: await read('five'),
    from2: await read('five', { fromRevision: 2n }),
    from9: await read('five', { fromRevision: 9n }),
    max2: await read('five', { maxCount: 2 }),
    from1max2: await read('five', { fromRevision: 1n, maxCount: 2 }),
    backwards: await read('five', { direction: 'backwards', fromRevision: 'end' }),
    last: await read('five', { direction: 'backwards', fromRevision: 'end', maxCount: 1 }),
    backFrom1: await read('five', { direction: 'backwards', fromRevision: 1n }),
    backFrom9: await read('five', { direction: 'backwards', fromRevision: 9n }),
  };
});
scenario('read: the fields of an event', async () => {
  const id = randomUUID();
  await client.appendToStream(
    stream('fields'),
    [
      jsonEvent({
        type: 'Typed',
        id,
        data: { n: 1, s: 'ü', nested: { a: [1, null] } },
        metadata: { by: 'x' },
      }),
      jsonEvent({ type: 'Bare', data: {} }),
      binaryEvent({ type: 'Bytes', data: new Uint8Array([1, 2, 3]) }),
    ],
    { expectedRevision: 'no_stream', ...PATHS.append },
  );
  const out = [];
  for await (const { event, link, commitPosition } of client.readStream(stream('fields')))
    out.push({
      streamId: shown(event.streamId),
      sameId: event.id === id,
      revision: String(event.revision),
      type: event.type,
      isJson: event.isJson,
      created: event.created?.constructor.name,
      data: event.data,
      metadata: event.metadata ?? null,
      position: typeof event.position?.commit,
      link: link ?? null,
      commitPosition: typeof commitPosition,
    });
  return out;
});
scenario('log: positions rise event by event, also within one append', async () => {
  await client.appendToStream(stream('rise'), [newEvent(1), newEvent(2), newEvent(3)], {
    expectedRevision: 'no_stream',
    ...PATHS.append,
  });
  const positions = [];
  for await (const { event } of client.readStream(stream('rise'))) positions.push(event.position);
  const after = [];
  for await (const { event } of client.readAll({ fromPosition: positions[1], maxCount: 2 }))
    after.push(`${shown(event.streamId)}@${event.revision}`);
  const back = [];
  for await (const { event } of client.readAll({
    fromPosition: positions[1],
    direction: 'backwards',
    maxCount: 2,
  }))
    back.push(`${shown(event.streamId)}@${event.revision}`);
  return {
    rising: positions.every((p, i) => i === 0 || p.commit > positions[i - 1].commit),
    equal: positions.every((p) => p.commit === p.prepare),
    fromSecondForwards: after,
    fromSecondBackwards: back,
  };
});

/** Subscribes, lets it run for `forMs`, acts, and tells what arrived in which order. */
const follow = async (open, act, forMs = 400) => {
  const seen = [];
  const subscription = open();
  subscription.on('confirmation', () => seen.push('confirmation'));
  subscription.on('caughtUp', () => seen.push('caughtUp'));
  subscription.on('fellBehind', () => seen.push('fellBehind'));
  subscription.on('error', (error) => seen.push(`error ${error.constructor.name}`));
  subscription.on('end', () => seen.push('end'));
  subscription.on('data', ({ event }) => seen.push(`${shown(event.streamId)}@${event.revision}`));
  for (let waited = 0; !seen.includes('caughtUp') && waited < 5_000; waited += 20) await sleep(20);
  await sleep(forMs);
  if (act) {
    seen.push('| act');
    await act();
    await sleep(forMs);
  }
  await subscription.unsubscribe();
  return seen;
};
const three = async (name) => {
  await client.appendToStream(stream(name), [newEvent(0), newEvent(1), newEvent(2)], {
    expectedRevision: 'no_stream',
    ...PATHS.append,
  });
  const positions = [];
  for await (const { event } of client.readStream(stream(name))) positions.push(event.position);
  return positions;
};
const more = (name, n) =>
  client.appendToStream(stream(name), [newEvent(n)], { expectedRevision: 'any', ...PATHS.append });

scenario(
  'subscribe $all, prefix filter, from the position of the first event: exclusive, then live',
  async () => {
    const [first] = await three('sub-a');
    return follow(
      () =>
        client.subscribeToAll({
          fromPosition: first,
          filter: streamNameFilter({ prefixes: [stream('sub-a')], checkpointInterval: 1000 }),
        }),
      () => more('sub-a', 3),
    );
  },
);
scenario('subscribe $all, prefix filter, from the end', async () => {
  await three('sub-b');
  return follow(
    () =>
      client.subscribeToAll({
        fromPosition: 'end',
        filter: streamNameFilter({ prefixes: [stream('sub-b')], checkpointInterval: 1000 }),
      }),
    () => more('sub-b', 3),
  );
});
scenario('subscribe $all, type filter by prefix', async () => {
  await client.appendToStream(
    stream('sub-t'),
    [
      jsonEvent({ type: `${S}Wanted`, data: {} }),
      jsonEvent({ type: `${S}Other`, data: {} }),
      jsonEvent({ type: `${S}WantedToo`, data: {} }),
    ],
    { expectedRevision: 'no_stream', ...PATHS.append },
  );
  return follow(() =>
    client.subscribeToAll({
      filter: eventTypeFilter({ prefixes: [`${S}Wanted`], checkpointInterval: 1000 }),
    }),
  );
});
scenario('subscribe $all, regex filter', async () => {
  await three('sub-r');
  return follow(() =>
    client.subscribeToAll({
      filter: streamNameFilter({ regex: `^${stream('sub-r')}$`, checkpointInterval: 1000 }),
    }),
  );
});
scenario('subscribe to a stream from its start, then live', async () => {
  await three('sub-c');
  return follow(
    () => client.subscribeToStream(stream('sub-c'), { fromRevision: 'start' }),
    () => more('sub-c', 3),
  );
});
scenario('subscribe to a stream from revision 0: exclusive', async () => {
  await three('sub-d');
  return follow(() => client.subscribeToStream(stream('sub-d'), { fromRevision: 0n }));
});
scenario('subscribe to a stream from its end, then live', async () => {
  await three('sub-e');
  return follow(
    () => client.subscribeToStream(stream('sub-e'), { fromRevision: 'end' }),
    () => more('sub-e', 3),
  );
});
scenario('subscribe to an absent stream, which then appears', () =>
  follow(
    () => client.subscribeToStream(stream('sub-f'), { fromRevision: 'start' }),
    () => more('sub-f', 0),
  ),
);
scenario('subscribe to a stream that is then tombstoned', async () => {
  await three('sub-g');
  return follow(
    () => client.subscribeToStream(stream('sub-g'), { fromRevision: 'start' }),
    () => client.tombstoneStream(stream('sub-g'), PATHS.append),
  );
});
scenario('subscribe: a live append of three arrives whole and in order', async () => {
  await three('sub-h');
  return follow(
    () =>
      client.subscribeToAll({
        fromPosition: 'end',
        filter: streamNameFilter({ prefixes: [stream('sub-h')] }),
      }),
    () =>
      client.appendToStream(stream('sub-h'), [newEvent(3), newEvent(4), newEvent(5)], {
        expectedRevision: 2n,
        ...PATHS.append,
      }),
  );
});
scenario('two subscriptions on one client, one unsubscribed', async () => {
  await three('sub-i');
  const first = client.subscribeToStream(stream('sub-i'));
  first.on('error', () => {});
  first.on('data', () => {});
  await sleep(200);
  const seen = await follow(
    () => client.subscribeToStream(stream('sub-i')),
    async () => {
      await first.unsubscribe();
      await more('sub-i', 3);
    },
  );
  return seen;
});

(async () => {
  process.on('unhandledRejection', (error) => {
    console.error('unhandled rejection:', error);
    process.exitCode = 1;
  });
  const checkAt = process.argv.indexOf('--check');
  const recorded =
    checkAt < 0
      ? undefined
      : new Map(
          readFileSync(process.argv[checkAt + 1], 'utf8')
            .trim()
            .split('\n')
            .map((line) => {
              const { name, result } = JSON.parse(line);
              return [name, result];
            }),
        );
  let differences = 0;
  for (const { name, run } of scenarios) {
    const result = await Promise.race([
      run().catch((error) => ({ threw: failure(error), message: shown(error.message) })),
      sleep(20_000).then(() => 'no answer in 20 s'),
    ]);
    const line = JSON.stringify({ name, result });
    if (!recorded) console.log(line);
    else {
      const expected = JSON.stringify(recorded.get(name)),
        actual = JSON.stringify(result);
      if (expected !== actual) {
        differences += 1;
        console.log(`DIFFERS  ${name}\n  recorded ${expected}\n  here     ${actual}`);
      }
    }
  }
  if (recorded)
    console.log(
      `${scenarios.length - differences} of ${scenarios.length} scenarios answer as recorded`,
    );
  await client.dispose();
  process.exit(differences > 0 ? 1 : (process.exitCode ?? 0));
})();
