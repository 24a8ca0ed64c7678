import { missingNginx } from '../gateway/support/nginx.js';
import { describeWith, findKafka } from '../kafka/kafka-libraries.js';
import { Deployment } from './deployment.js';
import { BOUND_MS, Tour } from './tour.js';

const TOKENS = process.env['LEDGER_TEST_LONG'] ? 1_000 : 60;

const libraries = await findKafka();
const missing = libraries.missing ?? missingNginx();

describeWith(missing === undefined ? libraries : { missing })(
  'two API nodes, a worker, Kafka, and a gateway behind nginx',
  () => {
    let deployment: Deployment;

    beforeAll(async () => (deployment = await Deployment.start(libraries.folder!)));
    afterAll(() => deployment?.stop());

    it(`refuse ${TOKENS} revoked tokens, each within the bound (V2)`, async () => {
      const report = await new Tour(deployment).run(TOKENS);
      const longestMs = Math.max(...report.stories.map(({ acceptedForMs }) => acceptedForMs));
      // Beside what everything takes on a machine that is busy with something else.
      expect(longestMs).toBeLessThan(BOUND_MS + 2 * report.machineMs);
      expect(report.stories).toHaveLength(TOKENS);
      // Whoever was never refused was never tried after its revocation.
      expect(report.stories.filter(({ refusals }) => refusals === 0)).toEqual([]);
      const { of, effective } = report.shownAsEffective;
      expect(of).toBe(20);
      expect(effective).toBe(of);
    });
  },
);
