import { createHash } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readlinkSync } from 'node:fs'
import { realpathSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { TestkitError } from '../errors.ts'
import { guardFolder } from './guardian.ts'

/** A fresh folder that others may enter, removed by the guardian at the latest; in `/tmp`, or `within`. */
export function temporaryFolder(purpose: string, within?: string): string {
  const base = within ?? (isOpenToAll(tmpdir()) ? tmpdir() : '/tmp')
  const folder = mkdtempSync(join(realpathSync(base), `payflow-${purpose}-`))
  chmodSync(folder, 0o755)
  guardFolder(folder)
  return folder
}

/** True when any user can reach the folder, that is, every folder above it may be entered by all. */
export function isOpenToAll(folder: string): boolean {
  for (let at = realpathSync(folder); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

/**
 * Makes `folder` usable by an unprivileged server. In a place only root may enter (a checkout under /root),
 * the data live under /var/tmp instead and `folder` is a link to them; returns where they really are.
 */
export function reachableFolder(folder: string): string {
  if (existsSync(folder)) return realpathSync(folder)
  const parent = dirname(folder)
  mkdirSync(parent, { recursive: true })
  if (isOpenToAll(parent)) {
    mkdirSync(folder)
    return realpathSync(folder)
  }
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 12)
  const real = join('/var/tmp', `payflow-${name}`)
  // Without the link, what is there belongs to a folder that was deleted: its data are to be forgotten.
  const linked = lstatSync(folder, { throwIfNoEntry: false }) !== undefined
  if (!linked) {
    rmSync(real, { recursive: true, force: true })
    symlinkSync(real, folder)
  }
  if (!existsSync(real)) mkdirSync(real, { mode: 0o755 })
  return real
}

/**
 * The same folder under a name of plain characters: itself, or a link to it in /var/tmp that is the
 * same at every call. RabbitMQ starts in a folder such as `/home/eve/財布`, but does not find its
 * quorum queues there again.
 */
export function asciiFolder(folder: string): string {
  if (/^[\x20-\x7E]*$/.test(folder)) return folder
  mkdirSync(folder, { recursive: true })
  const real = realpathSync(folder)
  const name = createHash('sha256').update(real).digest('hex').slice(0, 12)
  const link = join('/var/tmp', `payflow-${name}-link`)
  const there = lstatSync(link, { throwIfNoEntry: false })
  if (there === undefined) symlinkSync(real, link)
  else if (!there.isSymbolicLink() || readlinkSync(link) !== real) {
    // Anybody may write to /var/tmp: what is there has to lead to our own data.
    throw new TestkitError('TESTKIT_SERVER_START_FAILED', `${link} is somebody else's: remove it`)
  }
  return link
}
