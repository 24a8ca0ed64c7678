import type { GatewayTime } from '../time.js';

/** The clocks of the machine. */
export const systemTime: GatewayTime = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
