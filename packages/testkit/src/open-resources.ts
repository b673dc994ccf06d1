// What testkit has handed out and nobody has given back yet: the leak guard reads it.

interface OpenResource {
  readonly description: string
  readonly close: () => Promise<unknown>
}

const open = new Map<object, OpenResource>()

export const openResources = {
  add(resource: object, description: string, close: () => Promise<unknown>): void {
    open.set(resource, { description, close })
  },
  delete(resource: object): void {
    open.delete(resource)
  },
  list(): readonly OpenResource[] {
    return [...open.values()]
  },
}
