/**
 * Names of people this user has found or paid, kept in this browser.
 *
 * Payments carry ids; the search carries names. A name that was seen once is remembered per user,
 * so that history can show it. It is a convenience: losing it loses no fact.
 */
import type { RecipientView } from '@payflow-app/contracts'

type BookStorage = Pick<Storage, 'getItem' | 'setItem'>

const entriesMax = 200

export interface AddressBook {
  find(id: string): RecipientView | null
  remember(person: RecipientView): void
}

export function addressBook(storage: BookStorage, userId: string): AddressBook {
  const name = `payflow.people.${userId}`
  const read = (): RecipientView[] => {
    try {
      const value: unknown = JSON.parse(storage.getItem(name) ?? '[]')
      return Array.isArray(value) ? value.filter(isPerson) : []
    } catch {
      return []
    }
  }
  return {
    find: (id) => read().find((person) => person.id === id) ?? null,
    remember({ id, name: personName, email }) {
      const others = read().filter((person) => person.id !== id)
      const people = [{ id, name: personName, email }, ...others].slice(0, entriesMax)
      try {
        storage.setItem(name, JSON.stringify(people))
      } catch {
        // Storage is full or switched off: ids are shown instead of names.
      }
    },
  }
}

function isPerson(value: unknown): value is RecipientView {
  const person = value as Partial<RecipientView> | null
  const texts = [person?.id, person?.name, person?.email]
  return texts.every((text) => typeof text === 'string')
}
