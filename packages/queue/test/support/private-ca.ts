import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A certification authority nobody knows, and what it issued to a broker of that name. */
export interface PrivateCa {
  readonly ca: Buffer
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/** Makes both with the openssl program, valid for a day. */
export async function makePrivateCa(folder: string, brokerName: string): Promise<PrivateCa> {
  const openssl = async (command: string): Promise<void> => {
    await promisify(execFile)('openssl', command.split(' '), { cwd: folder })
  }
  const request = 'req -newkey rsa:2048 -nodes'
  await openssl(`${request} -x509 -keyout ca.key -out ca.pem -days 1 -subj /CN=tests`)
  await openssl(`${request} -keyout broker.key -out broker.csr -subj /CN=${brokerName}`)
  writeFileSync(join(folder, 'names'), `subjectAltName=DNS:${brokerName}\n`)
  const issuer = '-CA ca.pem -CAkey ca.key -CAcreateserial'
  await openssl(`x509 -req -in broker.csr ${issuer} -extfile names -out broker.pem -days 1`)
  return {
    ca: readFileSync(join(folder, 'ca.pem')),
    caFile: join(folder, 'ca.pem'),
    certFile: join(folder, 'broker.pem'),
    keyFile: join(folder, 'broker.key'),
  }
}
