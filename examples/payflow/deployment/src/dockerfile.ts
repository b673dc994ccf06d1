import { DockerfileParser, type Instruction } from 'dockerfile-ast'

/** What the last stage of a Dockerfile makes of a container. */
export interface ImageConfig {
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly workdir: string
  readonly user: string
}

/** One `FROM`. */
export interface Stage {
  readonly image: string
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

/** The stages of a Dockerfile, in their order. */
export function stagesOf(text: string): Stage[] {
  const stages: { image: string; name: string | undefined; instructions: Instruction[] }[] = []
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    if (instruction.getKeyword() === 'FROM') {
      const [image = '', , name] = argumentsOf(instruction)
      stages.push({ image, name, instructions: [] })
    } else {
      stages.at(-1)?.instructions.push(instruction)
    }
  }
  return stages
}

/** What the image of the last stage runs, where, and as whom. `args` are the build arguments. */
export function imageConfig(text: string, args: Readonly<Record<string, string>>): ImageConfig {
  const instructions = stagesOf(text).at(-1)?.instructions ?? []
  const of = (keyword: string) =>
    instructions.filter((instruction) => instruction.getKeyword() === keyword)
  const last = (keyword: string) => of(keyword).at(-1)?.getRawArgumentsContent() ?? ''
  const env = of('ENV').flatMap((instruction) =>
    argumentsOf(instruction).map((pair) => pair.split('=', 2) as [string, string]),
  )
  return {
    entrypoint: JSON.parse(last('ENTRYPOINT') || '[]') as string[],
    command: JSON.parse(last('CMD') || '[]') as string[],
    env: Object.fromEntries(env),
    workdir: last('WORKDIR').replace(/\$\{(\w+)\}/g, (_, name: string) => args[name] ?? ''),
    user: last('USER'),
  }
}

function argumentsOf(instruction: Instruction): string[] {
  return instruction.getArguments().map((argument) => argument.getValue())
}
