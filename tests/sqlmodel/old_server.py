"""Makes the tables of three old servers in the database at the URL given, with SQLModel, and inserts tasks through it.

The models are those of typical FastAPI back ends: times by datetime.utcnow, which have no zone.
"""

import sys
import uuid
from datetime import datetime, timezone
from typing import Optional

from sqlalchemy import DateTime
from sqlmodel import Field, Session, SQLModel, create_engine


class TextUserTask(SQLModel, table=True):
    __tablename__ = "tasks"

    id: Optional[int] = Field(default=None, primary_key=True)
    user_id: str = Field(index=True)
    title: str = Field(max_length=200)
    description: Optional[str] = Field(default=None, max_length=1000)
    completed: bool = Field(default=False)
    priority: str = Field(default="normal")
    created_at: datetime = Field(default_factory=datetime.utcnow)
    updated_at: datetime = Field(default_factory=datetime.utcnow)


class User(SQLModel, table=True):
    id: Optional[int] = Field(default=None, primary_key=True)
    email: str


class Task(SQLModel, table=True):
    """SQLModel calls its table `task`. Its user is a number, and its time has a zone."""

    id: Optional[int] = Field(default=None, primary_key=True)
    title: str
    description: str = ""
    is_completed: bool = False
    owner_id: int = Field(foreign_key="user.id")
    created_at: datetime = Field(default_factory=lambda: datetime.now(timezone.utc), sa_type=DateTime(timezone=True))


class Todo(SQLModel, table=True):
    id: Optional[int] = Field(default=None, primary_key=True)
    user_id: uuid.UUID
    title: str
    completed: bool = False
    created_at: datetime = Field(default_factory=datetime.utcnow)
    updated_at: Optional[datetime] = Field(default=None)


engine = create_engine(sys.argv[1])
SQLModel.metadata.create_all(engine)
with Session(engine) as session:
    for number in range(1, 501):
        user = ("Qm3xLAw8rYb0c2p6", "o'brien@example.org", "42")[number % 3]
        description = None if number % 2 else f"about {number}"
        session.add(TextUserTask(user_id=user, title=f"  task {number} \u00e9\U0001f600", description=description, completed=number % 5 == 0))
    session.add(User(email="alice@example.org"))
    session.commit()
    session.add_all([Task(id=1000 + n, title=f"task {n}", owner_id=1, is_completed=n == 2) for n in range(3)])
    person = uuid.UUID("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11")
    session.add_all([Todo(id=2000 + n, title=f"todo {n}", user_id=person) for n in range(3)])
    session.commit()
