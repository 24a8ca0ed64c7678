/** Every line that the gateway writes by itself, and what it says. */
export const GATEWAY_LINES = {
  'feed.began': 'messages come: everything known from before is forgotten',
  'feed.resumed': 'messages come again, and none is missing',
  'feed.lost': 'messages do not come: answers are good for their time only',
  'feed.lagging': 'messages come later than the answers they concern: everything is forgotten',
  'feed.unknown-message': 'a message of a kind that this version does not know was left out',
  'ledger.refuses-gateway': 'the ledger refuses this gateway: check its credential and its scopes',
  'ledger.unavailable': 'the ledger cannot be asked: who is not remembered is answered 503',
  'ledger.available': 'the ledger answers again',
  'acknowledge.failed': 'the ledger was not told what this gateway has applied; it is tried again',
  'lease.not-returned': 'unused units could not be given back: they stay consumed in this window',
} as const;

export type GatewayLine = keyof typeof GATEWAY_LINES;

/** Where those lines go. Fields never hold a secret. */
export interface GatewayLog {
  info(line: GatewayLine, fields?: object): void;
  warn(line: GatewayLine, fields?: object): void;
  error(line: GatewayLine, fields?: object): void;
}
