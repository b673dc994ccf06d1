/*
 * What a user installs is the tarball, so the tarball is what is checked: publint, attw, then a
 * throw-away project that imports it, requires it, and type-checks against it with two compilers.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const names = ['ledger', 'idempotency', 'queue', 'reversal']
const folder = mkdtempSync(join(tmpdir(), 'payflow-pack-'))
const root = resolve(import.meta.dirname, '..')

interface Manifest {
  readonly name: string
  readonly exports: Record<string, unknown>
}

function sh(command: string, args: string[], cwd = root): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}`, {
      cause: error,
    })
  }
}

function manifest(name: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Manifest
}

function pack(name: string): string {
  const out = sh('pnpm', ['pack', '--json', '--pack-destination', folder], `packages/${name}`)
  const { filename } = JSON.parse(out) as { filename: string }
  const tarball = resolve(folder, filename)
  sh('pnpm', ['exec', 'publint', '--strict', tarball])
  sh('pnpm', ['exec', 'attw', '--profile', 'esm-only', tarball])
  return tarball
}

/** A project of its own, outside the workspace, with the tarballs and their peers installed. */
function installIn(app: string, tarballs: ReadonlyMap<string, string>): void {
  const versions = (owner: string, ...packages: string[]) =>
    packages.map((name) => {
      const path = join(root, 'packages', owner, 'node_modules', name, 'package.json')
      return [name, (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version]
    })
  const dependencies = Object.fromEntries([
    ...[...tarballs].map(([name, tarball]) => [`@payflow/${name}`, `file:${tarball}`]),
    ...versions('queue', 'amqplib', 'kysely', '@types/node'),
    ...versions('idempotency', 'express', '@types/express', '@opentelemetry/api'),
  ]) as Record<string, string>
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), JSON.stringify({ type: 'module', dependencies }))
  sh('pnpm', ['install', '--ignore-workspace', '--prefer-offline', '--no-lockfile'], app)
}

function entryPoints(): string[] {
  return names.flatMap((name) => {
    const { name: id, exports } = manifest(name)
    return Object.keys(exports)
      .filter((key) => key !== './package.json')
      .map((key) => id + key.slice(1))
  })
}

function useIt(app: string): void {
  const entries = entryPoints()
  const imports = entries.map((entry) => `await import('${entry}')`).join('\n')
  writeFileSync(join(app, 'esm.mjs'), imports)
  writeFileSync(join(app, 'cjs.cjs'), entries.map((entry) => `require('${entry}')`).join('\n'))
  const typed = entries.map((entry, i) => `export * as e${i} from '${entry}'`).join('\n')
  writeFileSync(join(app, 'typed.ts'), typed)
  const options = {
    module: 'nodenext',
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  }
  writeFileSync(
    join(app, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['typed.ts'] }),
  )
  sh(process.execPath, ['esm.mjs'], app)
  sh(process.execPath, ['cjs.cjs'], app)
  sh(join(root, 'node_modules/.bin/tsc'), ['-p', app])
  sh(join(root, 'node_modules/.bin/tsc6'), ['-p', app])
}

try {
  const tarballs = new Map(names.map((name) => [name, pack(name)]))
  console.log(`packed ${names.join(', ')}: publint and attw are satisfied`)
  const app = join(folder, 'app')
  installIn(app, tarballs)
  useIt(app)
  console.log(`imported, required and type-checked: ${entryPoints().join(', ')}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
