import 'reflect-metadata';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsString, Max, Min, MinLength } from 'class-validator';

/** What every process of this system is told: where it listens, and how much it logs. */
export class ProcessSettings {
  /** Address to listen on. */
  @IsString()
  @MinLength(1)
  readonly HOST: string = '127.0.0.1';

  /** Port to listen on; 0 takes a free one. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly PORT: number = 8080;

  /** Port on HOST for health and metrics alone, which the main port then does not answer; 0 is none. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly METRICS_PORT: number = 0;

  /** The least serious log lines that are written; `debug` adds a line for each call of a hot route. */
  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'silent'])
  readonly LOG_LEVEL: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent' = 'info';
}
