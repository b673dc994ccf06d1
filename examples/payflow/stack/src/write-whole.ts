import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'

/**
 * Replaces a file in one step, so that a reader or a crash never meets half of it. Readable by its
 * owner only. `durable`: also after the machine loses power.
 */
export function writeWhole(path: string, text: string, o: { durable?: boolean } = {}): void {
  const file = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeFileSync(file, text)
    if (o.durable === true) fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.new`, path)
}
