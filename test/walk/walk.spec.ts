import { missingNginx } from '../gateway/support/nginx.js';
import { describeWith, findKafka } from '../kafka/kafka-libraries.js';
import { Deployment } from './deployment.js';
import { Tour } from './tour.js';

const TOKENS = process.env['LEDGER_TEST_LONG'] ? 1_000 : 60;

const libraries = await findKafka();
const missing = libraries.missing ?? missingNginx();

describeWith(missing === undefined ? libraries : { missing })(
  'two API nodes, a worker, Kafka, and a gateway behind nginx',
  () => {
    let deployment: Deployment;

    beforeAll(async () => (deployment = await Deployment.start(libraries.folder!)), 180_000);
    afterAll(() => deployment.stop(), 60_000);

    it(`refuse ${TOKENS} revoked tokens, each within the bound (V2)`, async () => {
      const report = await new Tour(deployment).run(TOKENS);
      expect(report.acceptedAfterBound).toBe(0);
      expect(report.stories).toHaveLength(TOKENS);
      // Whoever was never refused was never tried after its revocation.
      expect(report.stories.filter(({ refusals }) => refusals === 0)).toEqual([]);
      const { of, effective } = report.shownAsEffective;
      expect(of).toBe(20);
      expect(effective).toBe(of);
    });
  },
);
