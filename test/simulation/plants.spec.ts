import { Logger } from '@nestjs/common';
import { PLANTS } from './plants.js';
import { simulate, SimulationFailure } from './simulation.js';

const SEEDS_MAX = 200;

/** The first seed that finds a planted fault, and what it says of it. */
async function firstToFind(plant: (typeof PLANTS)[number]) {
  for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
    try {
      await simulate(seed, plant);
    } catch (error) {
      if (error instanceof SimulationFailure) return { seed, reason: error.cause };
      throw error;
    }
  }
  return undefined;
}

describe('the simulator', () => {
  beforeAll(() => Logger.overrideLogger(false));

  it.each(PLANTS.map((plant) => [plant.name, plant] as const))(
    `finds %s within ${SEEDS_MAX} seeds`,
    async (_name, plant) => {
      const found = await firstToFind(plant);
      expect(found?.seed).toBeLessThanOrEqual(SEEDS_MAX);
      // Found by a broken promise, not by a program that fell over.
      expect(found?.reason).toMatchObject({ name: 'Violation' });
    },
  );
});
