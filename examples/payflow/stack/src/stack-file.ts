import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { folderHolder } from './claim-folder.ts'
import { writeWhole } from './write-whole.ts'

/** One line of `stack.json`. */
export interface StackEntry {
  readonly name: string
  readonly kind: 'service' | 'postgres' | 'redis' | 'rabbitmq'
  /** 0 while it is down, and for a server that is not ours. */
  readonly pid: number
  readonly port: number
  readonly url: string
  readonly log: string
  readonly restart: 'supervisor'
}

/** What runs, as a file that other programs read. Replaced in one step, never half written. */
export class StackFile {
  readonly path: string

  constructor(dir: string) {
    this.path = join(dir, 'stack.json')
  }

  write(entries: readonly StackEntry[]): void {
    const text = `${JSON.stringify(entries, undefined, 2)}\n`
    // The URL of PostgreSQL holds a password.
    writeWhole(this.path, text)
  }

  remove(): void {
    rmSync(this.path, { force: true })
  }
}

/**
 * The entries of a folder's `stack.json`; none when nothing runs there, whatever a supervisor that
 * was killed has left.
 */
export function readStackFile(dir: string): StackEntry[] {
  const path = join(dir, 'stack.json')
  if (folderHolder(dir) === undefined || !existsSync(path)) return []
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as StackEntry[]
  } catch {
    // Never written so; the next change of a process replaces it.
    return []
  }
}
