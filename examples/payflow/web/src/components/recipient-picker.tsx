import { Search, X } from 'lucide-react'
import { useEffect, useId, useState } from 'react'
import type { KeyboardEvent } from 'react'
import type { RecipientView } from '@payflow-app/contracts'
import { problemText } from '../api/problem.ts'
import { queryCharsMin, useRecipients } from '../hooks/queries.ts'
import { useDebounced } from '../hooks/use-debounced.ts'
import { useWallet } from '../hooks/use-wallet.ts'
import { Avatar } from './avatar.tsx'
import { FieldNote } from './field.tsx'

interface PickerProps {
  readonly chosen: RecipientView | null
  readonly onChoose: (person: RecipientView | null) => void
  readonly error: string | undefined
}

const searchDelayMs = 200

/** Finds the person to pay: a chosen person, or a search box with a list under it. */
export function RecipientPicker({ chosen, onChoose, error }: PickerProps) {
  if (chosen === null) return <RecipientSearch onChoose={onChoose} error={error} />
  return (
    <div>
      <p className='mb-1.5 text-sm font-medium'>To</p>
      <div className='flex items-center gap-3 rounded-xl border border-line bg-surface p-2.5'>
        <Avatar id={chosen.id} name={chosen.name} />
        <PersonText person={chosen} />
        <button
          type='button'
          aria-label={`Choose someone other than ${chosen.name}`}
          onClick={() => onChoose(null)}
          className='icon-button'
        >
          <X aria-hidden='true' className='size-4' />
        </button>
      </div>
    </div>
  )
}

function RecipientSearch({ onChoose, error }: Omit<PickerProps, 'chosen'>) {
  const id = useId()
  const { user } = useWallet()
  const [text, setText] = useState('')
  const [active, setActive] = useState(0)
  const query = useDebounced(text.trim(), searchDelayMs)
  const search = useRecipients(query)
  const enough = query.length >= queryCharsMin
  const found = enough ? (search.data?.items ?? []).filter((item) => item.id !== user.id) : []
  const current = query === text.trim() && !search.isPlaceholderData
  useEffect(() => setActive(0), [query])

  function onKeyDown(event: KeyboardEvent): void {
    const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 }
    const step = steps[event.key]
    const person = found[active]
    if (step !== undefined && found.length > 0) {
      setActive((active + step + found.length) % found.length)
    } else if (event.key === 'Enter' && person !== undefined) {
      // What is listed may still answer an earlier text; a name typed fast must not pay another.
      if (current) onChoose(person)
    } else if (event.key === 'Escape') {
      setText('')
    } else {
      return
    }
    event.preventDefault()
  }

  const note = searchNote(enough, search.isFetching, search.isError && search.error, found.length)
  return (
    <div>
      <label htmlFor={id} className='mb-1.5 block text-sm font-medium'>
        To
      </label>
      <div className={`input-frame gap-2.5 ${error ? 'border-bad' : ''}`}>
        <Search aria-hidden='true' className='size-4 shrink-0 text-soft' />
        <input
          id={id}
          role='combobox'
          aria-expanded={found.length > 0}
          aria-controls={`${id}-list`}
          aria-autocomplete='list'
          aria-activedescendant={found.length > 0 ? `${id}-list-${active}` : undefined}
          aria-invalid={error !== undefined}
          aria-describedby={`${id}-note`}
          autoComplete='off'
          placeholder='Name or e-mail address'
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          className='w-full min-w-0 bg-transparent py-2.5 text-base outline-none'
        />
      </div>
      <div role='status'>
        <FieldNote id={`${id}-note`} error={error} hint={note} />
      </div>
      <FoundList
        id={`${id}-list`}
        found={found}
        active={active}
        onActive={setActive}
        onChoose={onChoose}
      />
    </div>
  )
}

/** The options under the search box; the box keeps the focus and points at the active one. */
function FoundList(props: {
  readonly id: string
  readonly found: readonly RecipientView[]
  readonly active: number
  readonly onActive: (index: number) => void
  readonly onChoose: (person: RecipientView) => void
}) {
  return (
    <ul id={props.id} role='listbox' aria-label='People found' className='mt-1'>
      {props.found.map((person, index) => (
        <li
          key={person.id}
          id={`${props.id}-${index}`}
          role='option'
          aria-selected={index === props.active}
          onClick={() => props.onChoose(person)}
          onMouseMove={() => props.onActive(index)}
          className={`flex cursor-pointer items-center gap-3 rounded-xl p-2.5 ${
            index === props.active ? 'bg-tint' : ''
          }`}
        >
          <Avatar id={person.id} name={person.name} />
          <PersonText person={person} />
        </li>
      ))}
    </ul>
  )
}

function PersonText({ person }: { readonly person: RecipientView }) {
  return (
    <span className='min-w-0 flex-1'>
      <span className='block truncate font-medium'>{person.name}</span>
      <span className='block truncate text-sm text-soft'>{person.email}</span>
    </span>
  )
}

function searchNote(enough: boolean, busy: boolean, error: unknown, count: number): string {
  if (!enough) return `Type at least ${queryCharsMin} letters.`
  if (error) return problemText(error)
  if (busy && count === 0) return 'Searching…'
  if (count === 0) return 'Nobody found. Type how the name or the e-mail address begins.'
  return count === 1 ? '1 person found.' : `${count} people found.`
}
