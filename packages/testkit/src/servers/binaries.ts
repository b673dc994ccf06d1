import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The first executable of that name on PATH or in the usual folders, or undefined. */
export function onPath(name: string): string | undefined {
  const usual = ['/usr/local/sbin', '/usr/sbin', '/usr/local/bin', '/usr/bin', '/opt/homebrew/bin']
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...usual]
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable)
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Folders `pattern/*` + `tail`, highest version first. */
export function versioned(parent: string, tail: string, prefix = ''): string[] {
  if (!existsSync(parent)) return []
  const collator = new Intl.Collator('en', { numeric: true })
  return readdirSync(parent)
    .filter((name) => name.startsWith(prefix))
    .toSorted((a, b) => collator.compare(b, a))
    .map((name) => join(parent, name, tail))
    .filter((folder) => existsSync(folder))
}

/** First `1.2` or `1.2.3` in what the command prints. */
export function versionOf(file: string, ...args: string[]): string {
  const text = execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return /\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? 'unknown'
}

export function realPath(file: string): string {
  return realpathSync(file)
}
