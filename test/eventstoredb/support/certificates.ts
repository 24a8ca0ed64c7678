import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ServerCertificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Made anew for each run, so that no key lies in the repository. */
export class Certificates {
  readonly #folder = mkdtempSync(join(tmpdir(), 'certificates-'));

  /** False where there is no program to make certificates with. */
  static areAvailable(): boolean {
    try {
      execFileSync('openssl', ['version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }

  /** The path of the authority's certificate. */
  authority(name: string): string {
    const subject = ['-subj', `/CN=${name}`, '-days', '2'];
    this.#openssl('req', '-x509', ...this.#newKey(name), ...subject, '-out', `${name}.crt`);
    return join(this.#folder, `${name}.crt`);
  }

  signed(
    authority: string,
    host: string,
    validFor: 'days' | 'no time' = 'days',
  ): ServerCertificate {
    const name = `${authority}-${host}-${validFor.length}`;
    writeFileSync(join(this.#folder, `${name}.ext`), `subjectAltName=DNS:${host}\n`);
    this.#openssl('req', ...this.#newKey(name), '-subj', `/CN=${host}`, '-out', `${name}.csr`);
    const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
    const extensions = ['-extfile', `${name}.ext`, '-days', validFor === 'days' ? '2' : '0'];
    const files = ['-in', `${name}.csr`, '-out', `${name}.crt`];
    this.#openssl('x509', '-req', ...files, ...signer, ...extensions);
    return { cert: this.#read(`${name}.crt`), key: this.#read(`${name}.key`) };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #newKey(name: string): readonly string[] {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    return [...curve, '-nodes', '-keyout', `${name}.key`];
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#folder, stdio: 'pipe' });
  }

  #read(file: string): Buffer {
    return readFileSync(join(this.#folder, file));
  }
}
