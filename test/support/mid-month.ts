/** How far the clock of {@link MID_MONTH} is ahead of the machine's. */
export const MID_MONTH_AHEAD_MS = Date.parse('2030-06-15T12:00:00Z') - Date.now();

/**
 * Environment of a process that lives in the middle of a month: its quotas do not begin anew while a test counts
 * what was consumed.
 */
export const MID_MONTH: NodeJS.ProcessEnv = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(
    `const now = Date.now; Date.now = () => now() + ${MID_MONTH_AHEAD_MS};`,
  )}`,
};
