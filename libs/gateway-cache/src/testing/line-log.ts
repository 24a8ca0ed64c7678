import type { GatewayLine, GatewayLog } from '../gateway-log.js';

/** Keeps the names of the lines, for those who want to see that something was said. */
export class LineLog implements GatewayLog {
  readonly lines: GatewayLine[] = [];
  readonly fields: object[] = [];

  info(line: GatewayLine, fields: object = {}): void {
    this.lines.push(line);
    this.fields.push(fields);
  }

  warn(line: GatewayLine, fields: object = {}): void {
    this.info(line, fields);
  }

  error(line: GatewayLine, fields: object = {}): void {
    this.info(line, fields);
  }
}
