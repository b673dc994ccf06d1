import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Kysely } from 'kysely'
import {
  type Checkpoint,
  type CheckpointSigner,
  type ExportVerification,
  type Ledger,
  type PublicKeys,
  verifyExport,
} from '@payflow/ledger'

/**
 * Every night: seals the journal, writes what was sealed since the last export to a file, and
 * returns the newest checkpoint for somebody outside to keep.
 */
export async function exportJournal(
  db: Kysely<unknown>,
  ledger: Ledger,
  job: { readonly signer: CheckpointSigner; readonly after: number; readonly file: string },
): Promise<Checkpoint | null> {
  // #region main
  const sealed = await ledger.checkpoint(db, { signer: job.signer })
  if (sealed.outcome === 'busy' || sealed.outcome === 'unknown') return null // another night
  const lines = Readable.from(ledger.exportNdjson(db, { after: job.after }))
  const withNewlines = lines.map((line: string) => `${line}\n`)
  await pipeline(withNewlines, createWriteStream(job.file))
  return sealed.checkpoint
  // #endregion main
}

/** The auditor, elsewhere: no database, only the file and the public key. */
export async function checkExport(
  file: string,
  publicKeys: PublicKeys,
  previous?: Checkpoint,
): Promise<ExportVerification> {
  // #region check
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity })
  return verifyExport(lines, { publicKeys, ...(previous === undefined ? {} : { previous }) })
  // #endregion check
}
